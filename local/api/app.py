"""The ASGI application: which part of the service a request is meant for."""

from __future__ import annotations

import asyncio
import logging
import uuid

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.api.dispatch import handle
from local.api.errors import ServiceError
from local.api.protocol import CONTENT_TYPE, error_body
from local.api.service import Service

log = logging.getLogger(__name__)

LARGEST_BODY = 16 << 20
"""Bytes of a request to the API; a pipeline definition is at most 1 MB."""

BODY_SECONDS = 30.0
"""How long a client may take to send a request's body."""


class App:
    """Tells apart the API (POST /), the runtime (/endpoints/…) and the objects (all else)."""

    def __init__(self, service: Service, runtime: ASGIApp | None = None):
        self.service = service
        self.runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        if self.runtime and scope["path"].startswith("/endpoints/"):
            await self.runtime(scope, receive, send)
            return
        response = await self.api(Request(scope, receive))
        await response(scope, receive, send)

    async def api(self, request: Request) -> Response:
        """Answer a request of the AWS JSON protocol."""
        headers = {"x-amzn-RequestId": str(uuid.uuid4())}
        try:
            body = await read(request, LARGEST_BODY)
            target = request.headers.get("x-amz-target", "")
            content = await run_in_threadpool(handle, self.service, target, body)
            return Response(content, 200, headers, CONTENT_TYPE)
        except ServiceError as error:
            return Response(error_body(error), error.status, headers, CONTENT_TYPE)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            log.exception("request %s failed", headers["x-amzn-RequestId"])
            failure = ServiceError("InternalFailure", f"the service failed: {error!r}", 500)
            return Response(error_body(failure), 500, headers, CONTENT_TYPE)


async def read(request: Request, limit: int) -> bytes:
    """Return a request's body.

    Raises:
        ServiceError: it is larger than `limit` bytes, or takes longer than BODY_SECONDS to arrive.

    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise ServiceError(
                        "RequestEntityTooLargeException", f"the body exceeds {limit} bytes", 413
                    )
    except TimeoutError:
        raise ServiceError(
            "RequestTimeoutException", f"the body did not arrive within {BODY_SECONDS:g} s", 408
        ) from None
    return bytes(body)
