"""The runtime API: InvokeEndpoint and InvokeEndpointAsync, as bare ASGI.

No framework stands between a request and the model: it would take longer than the model does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import unquote

from local.endpoints.connection import Body, close_all
from local.endpoints.errors import InvocationError, validation_error
from local.endpoints.invocation import ATTRIBUTES, invoke
from local.endpoints.submission import submit

if TYPE_CHECKING:
    from local.api.service import Service
    from local.endpoints.endpoint import Endpoint

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 6_291_456
LARGEST_SERVERLESS_BODY = 4 << 20
LARGEST_ASYNC_BODY = 128_000

_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations)")
Headers = list[tuple[bytes, bytes]]
_TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"
UNSUPPORTED = {
    b"x-amzn-sagemaker-target-model": "TargetModel",
    b"x-amzn-sagemaker-target-container-hostname": "TargetContainerHostname",
    b"x-amzn-sagemaker-inference-component": "InferenceComponentName",
    b"x-amzn-sagemaker-session-id": "SessionId",
    b"x-amzn-sagemaker-enable-explanations": "EnableExplanations",
}


class Reply(NamedTuple):
    """What is answered, whoever writes it."""

    status: int
    headers: Headers
    body: bytes


class Client(Protocol):
    """Who is answered past the web server, which ends its own clients itself."""

    def end(self) -> None:
        """Leave in the event loop's last turns; who still waits is told."""


class Runtime:
    """The ASGI application for paths below /endpoints/.

    Attributes:
        clients: those past the web server; they come and go by themselves.

    """

    def __init__(self, service: Service):
        self.clients: set[Client] = set()
        self._service = service
        self._keeper: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status, headers, body = await self._answer(scope, receive)
        except Exception as error:
            status, headers, body = failed(error, scope["path"])
            if status == 408 or any(name == b"expect" for name, _ in scope["headers"]):
                # The rest of the body has not come, or will not: what comes next is no part of it.
                headers.append((b"connection", b"close"))
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        found = _PATH.fullmatch(scope["path"])
        if found is None:
            raise InvocationError("UnknownOperationException", 404, f"there is no {scope['path']}")
        if scope["method"] != "POST":
            raise InvocationError("UnknownOperationException", 405, f"{scope['path']} takes POST")
        headers = dict(scope["headers"])
        for name, member in UNSUPPORTED.items():
            if name in headers:
                raise validation_error(f"{member} is not supported by endpoints on one machine")
        if found[2] == "invocations":
            return await self._invoke(found[1], headers, receive)
        return await self._invoke_async(found[1], headers, receive)

    async def _invoke(self, name: str, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        endpoint = self.admit(name)
        body = await _read(headers, receive, largest_body(endpoint), self.body_seconds)
        return await self.invoke(endpoint, headers, body)

    @property
    def body_seconds(self) -> float:
        """How long a request's body may take to arrive."""
        return self._service.endpoints.timing.body

    def admit(self, name: str) -> Endpoint:
        """Return the endpoint of a name as it stands in a path.

        Raises:
            InvocationError: there is none, or it is not in service.

        """
        return self._service.endpoints.serving(name if "%" not in name else unquote(name))

    def _still(self, endpoint: Endpoint) -> Endpoint:
        """Return what answers under an endpoint's name now that the body has arrived."""
        return endpoint if endpoint.router.fleets else self.admit(endpoint.record.name)

    async def invoke(self, endpoint: Endpoint, headers: dict[bytes, bytes], body: Body) -> Reply:
        """Have a request of InvokeEndpoint answered.

        Raises:
            InvocationError: it cannot be.

        """
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._end_with_the_loop())
        endpoint = self._still(endpoint)
        if endpoint.queue is not None:
            name = endpoint.record.name
            raise validation_error(f"endpoint {name} is asynchronous: call InvokeEndpointAsync")
        result = await invoke(
            endpoint.record.name,
            endpoint.router,
            headers,
            body,
            target=headers.get(_TARGET_VARIANT, b"").decode("latin-1"),
            timeout=self._service.endpoints.timing.invocation,
            capture=endpoint.capture,
        )
        answered = result.answer.headers
        sent = [
            (b"content-type", answered.get(b"content-type", b"application/octet-stream")),
            (b"x-amzn-invoked-production-variant", result.variant.encode()),
        ]
        if ATTRIBUTES in answered:
            sent.append((ATTRIBUTES, answered[ATTRIBUTES]))
        return Reply(200, sent, result.answer.body)

    async def _end_with_the_loop(self) -> None:
        """End clients and connections to containers with the event loop, which cancels its tasks first."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for client in tuple(self.clients):
                client.end()
            close_all()

    async def _invoke_async(self, name: str, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        endpoint = self.admit(name)
        body = await _read(headers, receive, LARGEST_ASYNC_BODY, self.body_seconds)
        accepted = await asyncio.to_thread(submit, self._still(endpoint), headers, body)
        located = [(b"x-amzn-sagemaker-outputlocation", accepted.output.encode())]
        if accepted.failure:
            located.append((b"x-amzn-sagemaker-failurelocation", accepted.failure.encode()))
        answer = json.dumps({"InferenceId": accepted.inference_id}).encode()
        return Reply(202, [(b"content-type", b"application/json"), *located], answer)


def largest_body(endpoint: Endpoint) -> int:
    """Return how many bytes of body an endpoint takes."""
    return LARGEST_SERVERLESS_BODY if endpoint.record.configuration.serverless else LARGEST_BODY


async def _read(headers: dict[bytes, bytes], receive: Receive, limit: int, seconds: float) -> bytes:
    """Return a request's body.

    Raises:
        InvocationError: it is too large, does not arrive in time, or its sender went away.

    """
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(int(announced), limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await _next(receive)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise _too_large(size, limit)
                more = message.get("more_body", False)
    except TimeoutError:
        raise body_late(seconds) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _next(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise validation_error("the client went away before its request had arrived")
    return message


def _too_large(size: int, limit: int) -> InvocationError:
    return validation_error(f"the body has {size} bytes or more; at most {limit} are allowed", 413)


def failed(error: Exception, path: str) -> Reply:
    """Return the answer to a request to `path` that ended in an error."""
    if not isinstance(error, InvocationError):
        log.error("%s failed", path, exc_info=error)
        error = InvocationError("InternalFailure", 500, repr(error))
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", error.code.encode()),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    content = {"Message": error.message, "message": error.message, **error.fields}
    return Reply(error.status, headers, json.dumps(content).encode())


def body_late(seconds: float) -> InvocationError:
    """Return the error of a request whose body did not arrive in time."""
    return validation_error(f"the body did not arrive within {seconds:g} seconds", 408)
