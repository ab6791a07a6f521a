"""The ASGI application: which part of the service a request is meant for."""

from __future__ import annotations

import hashlib
import logging
import uuid
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.api.body import read
from local.api.dispatch import handle
from local.api.errors import ServiceError
from local.api.protocol import CONTENT_TYPE, error_body
from local.api.s3.application import S3
from local.api.s3.xml import S3Error, failure
from local.api.scaling import answer_scaling, answers_scaling
from local.api.scheduler import answer_schedules
from local.api.service import Service
from local.api.signature import Credentials, Signed, service_name, verify

log = logging.getLogger(__name__)

LARGEST_BODY = 16 << 20
"""Bytes of a request to the API or the runtime; a definition has at most 1 MB, an invocation 6 MB."""

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class App:
    """Tells apart the API (POST /), the runtime (/endpoints/…), schedules, and objects (all else)."""

    def __init__(
        self, service: Service, runtime: ASGIApp, objects: S3, credentials: Credentials | None, *, local: bool
    ):
        self._service = service
        self._runtime = runtime
        self._objects = objects
        self._credentials = credentials
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Read from the bare headers: an invocation takes this way, too, and has no time for more.
        host, origin, authorization = b"", b"", b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
        invocation = scope["path"].startswith("/endpoints/") and b"/s3/aws4_request" not in authorization
        request = Request(scope, receive)
        for_objects = False
        try:
            if self._local:
                require_local(host, origin)
            if invocation:
                await self._runtime(scope, await self._checked(request), send)
                return
            named = service_name(authorization.decode("latin-1"))
            for_objects = named == "s3" or (named is None and scope["path"] != "/")
            if for_objects:
                self._verify(request, request.headers.get("x-amz-content-sha256", ""))
                response = await self._objects(request)
            else:
                response = await self._api(request, named)
        except ServiceError as error:
            if for_objects:
                response = failure(request, S3Error(error.code, error.message, error.status))
            else:
                response = Response(error_body(error), error.status, media_type=CONTENT_TYPE)
        except ClientDisconnect:
            return
        if response.status_code >= 400 and "expect" in request.headers:
            # The client waits for leave to send its body, and will not now: what it sends next is no body.
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    async def _checked(self, request: Request) -> Receive:
        """Return where the runtime reads a body: the connection, or what the signature was checked on."""
        if self._credentials is None:
            return request.receive
        body = await read(request, LARGEST_BODY)
        self._verify(request, hashlib.sha256(body).hexdigest())
        told = False

        async def receive() -> Message:
            nonlocal told
            if told:
                return await request.receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        return receive

    async def _api(self, request: Request, named: str | None) -> Response:
        """Answer a request of the API, or of EventBridge Scheduler's."""
        identity = str(uuid.uuid4())
        headers = {"x-amzn-RequestId": identity}
        try:
            body = await read(request, LARGEST_BODY)
            self._verify(request, hashlib.sha256(body).hexdigest())
            if named == "scheduler":
                return await run_in_threadpool(answer_schedules, self._service, request, body)
            if named is not None and answers_scaling(named):
                return await run_in_threadpool(answer_scaling, self._service, named, request, body)
            if request.method != "POST":
                raise ServiceError("UnknownOperationException", "operations are sent with POST", 404)
            target = request.headers.get("x-amz-target", "")
            content = await run_in_threadpool(handle, self._service, target, body)
            return Response(content, 200, headers, CONTENT_TYPE)
        except ServiceError as error:
            return Response(error_body(error), error.status, headers, CONTENT_TYPE)
        except Exception as error:
            log.exception("request %s failed", identity)
            fault = ServiceError("InternalFailure", f"the service failed: {error!r}", 500)
            return Response(error_body(fault), 500, headers, CONTENT_TYPE)

    def _verify(self, request: Request, body_hash: str) -> None:
        if self._credentials is None:
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]
        }
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        query = request.scope["query_string"].decode("latin-1")
        verify(Signed(request.method, path, query, headers, body_hash), self._credentials)


@lru_cache(maxsize=64)
def require_local(host: bytes, origin: bytes) -> None:
    """Refuse what a web page in this machine's browser could send: it bears another host or an origin."""
    given = host.decode("latin-1")
    try:
        name = urlsplit(f"//{given}").hostname
    except ValueError:  # such as "[": it names no host at all
        name = given
    if name not in _LOOPBACK_HOSTS or origin:
        raise ServiceError(
            "AccessDeniedException",
            f"only programs on this machine are answered, not {name!r} or a web page",
            403,
        )
