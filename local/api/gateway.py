"""The way of an invocation past the web server: from the client's socket to the container's and back.

uvicorn and ASGI take longer for a request than the container takes for a row. A connection whose requests are
plain invocations is served here; with the first that is anything else it is handed over to uvicorn for good,
which says all that can be said of such a request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.api.invocation_head import Head, read_head
from local.api.runtime import Reply, Runtime, body_late, failed, largest_body
from local.endpoints.connection import Body
from local.endpoints.endpoint import Endpoint
from local.endpoints.errors import InvocationError, unavailable
from local.endpoints.outbox import outbox
from local.endpoints.prompt import Prompt

log = logging.getLogger(__name__)

_BUFFER_BYTES = 256 << 10


class ServerState(Protocol):
    """What uvicorn's server knows of its connections, and what it sends with every answer."""

    connections: set[Any]
    default_headers: list[tuple[bytes, bytes]]


def gateway(runtime: Runtime) -> Callable[..., asyncio.BaseProtocol]:
    """Return what uvicorn makes its connections with."""
    return partial(Gateway, runtime, memoryview(bytearray(_BUFFER_BYTES)))


class Gateway(asyncio.BufferedProtocol):
    """One client."""

    def __init__(
        self,
        runtime: Runtime,
        buffer: memoryview,
        *,
        config: Any,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Take what is invoked with, and what uvicorn gives to a protocol."""
        self._runtime = runtime
        self._buffer = buffer
        self._uvicorn = partial(
            HttpToolsProtocol, config=config, server_state=server_state, app_state=app_state, _loop=_loop
        )
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._outbox = outbox(self._loop)
        self._idle_seconds: float = config.timeout_keep_alive
        self._transport = cast("asyncio.Transport", None)  # until it is connected, which comes first
        self._unread = b""
        self._request: tuple[Endpoint, Head] | None = None
        self._body = bytearray()
        self._received = 0
        self._prompt = cast("Prompt[Reply]", None)  # of the request under way, if there is one
        self._late: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._used = 0.0
        self._working = self._busy = self._blocked = self._paused = self._ending = False

    # --- what uvicorn and asyncio call ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)
        self._runtime.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client; an invocation under way goes on to its end."""
        self._leave(known=self._busy)

    def shutdown(self) -> None:
        """End once what is under way is answered."""
        self._ending = True
        if not self._busy:
            self._outbox.flush()
            self._transport.close()

    def end(self) -> None:
        """Leave in the event loop's last turns; who still waits is told."""
        if self._busy:
            self._prompt.close()
            ended = unavailable("the service ended before the model had answered: ask again when it is up")
            self._write(failed(ended, ""), keep=False)
        self._transport.abort()

    def pause_writing(self) -> None:
        """Take nothing more from a client that does not read its answers."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on with the client."""
        self._blocked = False
        self._work()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return where the next bytes go: those of a long body to their place at once."""
        return self._buffer if self._request is None else memoryview(self._body)[self._received :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what arrived."""
        if self._request is None:
            self._unread += self._buffer[:nbytes]
        else:
            self._received += nbytes
            if self._received == len(self._body):
                self._stop_late()
        self._work()

    # --- requests -------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Go through what arrived, as far as it can be answered now."""
        if self._working:
            return
        self._working = True
        try:
            while not (self._busy or self._blocked) and self._advance():
                pass
        finally:
            self._working = False
        # A body that has begun is received to its end, where there is room for it, and nothing after it.
        full = bool(self._unread) or (self._request is not None and self._received == len(self._body))
        paused = full and (self._busy or self._blocked)
        if paused != self._paused and not self._transport.is_closing():
            self._paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _advance(self) -> bool:
        """Begin with a request, or finish receiving it; return whether that was all there was to do yet."""
        if self._transport.is_closing():
            return False
        if self._request is None:
            return bool(self._unread) and self._begin(self._unread)
        endpoint, head = self._request
        if self._received < head.length:
            return False
        body, self._body, self._request = self._body, bytearray(), None
        self._invoke(endpoint, head, body)
        return True

    def _begin(self, data: bytes) -> bool:
        head = read_head(data)
        endpoint = self._admit(head) if head is not None else None
        if head is None or endpoint is None:
            self._hand_over(data)
            return False
        end = head.size + head.length
        if len(data) >= end:
            self._unread = data[end:]
            self._invoke(endpoint, head, data[head.size : end])
            return True
        self._unread = b""
        self._received = len(data) - head.size
        self._body = bytearray(head.length)
        self._body[: self._received] = data[head.size :]
        self._request = endpoint, head
        self._late = self._loop.call_later(self._runtime.body_seconds, self._refuse_late, head)
        return False

    def _admit(self, head: Head) -> Endpoint | None:
        try:
            endpoint = self._runtime.admit(head.endpoint)
        except InvocationError:
            return None
        return endpoint if head.length <= largest_body(endpoint) else None

    def _hand_over(self, data: bytes) -> None:
        """Let uvicorn have the connection, with what it sent and was not answered yet."""
        self._leave()
        self._outbox.flush()
        self._unread = b""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        other = self._uvicorn()
        self._transport.set_protocol(other)
        other.connection_made(self._transport)
        other.data_received(data)
        if self._ending:
            other.shutdown()

    def _invoke(self, endpoint: Endpoint, head: Head, body: Body) -> None:
        self._busy = True
        self._prompt = Prompt(
            self._runtime.invoke(endpoint, head.headers, body), partial(self._answered, head)
        )

    # --- answers --------------------------------------------------------------------------------------

    def _answered(self, head: Head, reply: Reply | None, error: Exception | None) -> None:
        self._busy = False
        if self._transport.is_closing():
            self._runtime.clients.discard(self)
            return
        try:
            self._write(reply or _failed(head, error), keep=not self._ending)
            self._used = self._loop.time()
            if self._idle is None:
                self._idle = self._loop.call_later(self._idle_seconds, self._look)
            if self._unread or self._paused:
                self._work()
        except Exception:  # not to be the end of the container's connection, whose answer this was
            log.exception("a client of endpoint %s could not be answered", head.endpoint)
            self._transport.abort()

    def _write(self, reply: Reply, *, keep: bool) -> None:
        lines = [_STATUS_LINES[reply.status]]
        lines += [b"%b: %b\r\n" % header for header in (*self._state.default_headers, *reply.headers)]
        if not keep:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n" % len(reply.body))
        lines.append(reply.body)
        data = b"".join(lines)
        self._outbox.write(self._transport, data)
        if not keep:
            self._outbox.flush()
            self._transport.close()

    # --- time -----------------------------------------------------------------------------------------

    def _refuse_late(self, head: Head) -> None:
        self._write(_failed(head, body_late(self._runtime.body_seconds)), keep=False)

    def _look(self) -> None:
        """Close the connection when it has been idle for long: one timer serves many requests."""
        self._idle = None
        since = self._loop.time() - self._used
        if self._busy or self._request is not None or since < self._idle_seconds:
            self._idle = self._loop.call_later(max(self._idle_seconds - since, 1.0), self._look)
        else:
            self._transport.close()

    def _stop_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _leave(self, *, known: bool = False) -> None:
        self._state.connections.discard(self)
        if not known:
            self._runtime.clients.discard(self)
        self._stop_late()
        if self._idle is not None:
            self._idle.cancel()


def _failed(head: Head, error: Exception | None) -> Reply:
    return failed(error or RuntimeError("no answer"), f"/endpoints/{head.endpoint}/invocations")


_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
