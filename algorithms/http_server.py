"""HTTP/1.1 for one model: requests in, answers out, and nothing between the socket and the model.

A web server for every purpose spends several times as long on a request as a linear model does on a row. This
one knows whole requests and whole answers only: it reads a body up to a limit, asks a function for the
answer, and writes that at once.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httptools

from algorithms.eager_selector import EagerSelector
from algorithms.http_outbox import Outbox

INLINE_BYTES = 1 << 20
"""Larger bodies are worked on in a thread, so that other connections are answered meanwhile. Smaller ones
take a few milliseconds, less than a thread and the event loop would spend on waiting for each other."""

_HEADER_BYTES = 64 << 10
_DRAIN_SECONDS = 5.0
_JSON = b"application/json"


class Request(NamedTuple):
    """A request that has arrived whole; header names are in lower case, the path is without its query."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes


class Response(NamedTuple):
    """An answer; `media_type` as the Content-Type header has it."""

    status: int
    media_type: bytes
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What a request may take: bytes of body, and seconds until it has arrived."""

    body_bytes: int
    seconds: float


Handler = Callable[[Request], Response]
"""Answers a request; called in the event loop's thread or, for large bodies, in another. Never raises."""


def refusal(status: int, message: str) -> Response:
    """Return an answer that says why there is none."""
    return Response(status, _JSON, json.dumps({"error": message}).encode())


def run(handler: Handler, limits: Limits, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get five seconds.

    Raises:
        OSError: the port is taken.

    """
    selector = EagerSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(_serve(handler, limits, host, port, selector))


async def _serve(handler: Handler, limits: Limits, host: str, port: int, selector: EagerSelector) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    connections: set[_Connection] = set()
    outbox = Outbox(loop, selector)
    server = await loop.create_server(
        lambda: _Connection(handler, limits, connections, outbox), host, port, backlog=2048
    )
    await stopping.wait()
    server.close()
    for connection in tuple(connections):
        connection.finish()
    deadline = loop.time() + _DRAIN_SECONDS
    while connections and loop.time() < deadline:
        await asyncio.sleep(0.01)


class _Connection(asyncio.Protocol):
    """One client. Requests of a client that does not wait for answers are answered in their order."""

    def __init__(
        self, handler: Handler, limits: Limits, connections: set[_Connection], outbox: Outbox
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._connections = connections
        self._outbox = outbox
        self._unsent: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport = cast("asyncio.Transport", None)  # until it is connected, which comes first
        # A request, or its answer; whether the connection goes on; whether without a body, as after HEAD.
        self._arrived: deque[tuple[Request | Response, bool, bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._receiving = self._busy = self._blocked = self._finishing = False

    def finish(self) -> None:
        """Close it once what has arrived, or is arriving, is answered."""
        self._finishing = True
        if not self._receiving and not self._busy:
            self._close()

    def flush(self) -> None:
        """Write the answers that are ready, if the client is still there."""
        unsent, self._unsent = self._unsent, []
        if unsent and not self._transport.is_closing():
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    # --- asyncio --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connections.discard(self)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # what follows is taken for another protocol, even a body
            found, _, bare = self._arrived.pop()
            if self._size or b"transfer-encoding" in self._headers:
                found = refusal(400, "a body is not read after Upgrade: send the request without that header")
            self._arrived.append((found, False, bare))
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is not HTTP/1.1: {error}")
        if self._receiving and self._timer is None:
            self._start_timer()
        self._work()
        self._send()

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read its answers."""
        self._blocked = True
        self._pause()

    def resume_writing(self) -> None:
        self._blocked = False
        self._resume()

    def _pause(self) -> None:
        """Read nothing more for now; what is not read cannot be late."""
        self._transport.pause_reading()
        self._stop_timer()

    def _resume(self) -> None:
        if not (self._busy or self._blocked or self._transport.is_closing()):
            self._transport.resume_reading()
            if self._receiving and self._timer is None:
                self._start_timer()

    def _late(self) -> None:
        self._timer = None
        self._refuse(408, f"the body did not arrive in {self._limits.seconds:g} seconds")
        self._work()
        self._send()

    def _refuse(self, status: int, reason: str) -> None:
        """Give up the request that is arriving, and the connection after it."""
        self._receiving = False
        self._arrived.append((refusal(status, reason), False, False))

    def _start_timer(self) -> None:
        self._timer = self._loop.call_later(self._limits.seconds, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- httptools ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._receiving = True
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._parts: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes <= _HEADER_BYTES:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        announced = self._headers.get(b"content-length", b"0")
        if announced.isdigit():
            self._size = int(announced)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            if self._too_large():  # told now: the client waits for leave to send its body
                self._refuse(413, self._why_too_large())
            else:
                self._unsent.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if b"content-length" not in self._headers:
            self._size += len(body)
        if self._too_large():
            self._parts.clear()  # the rest is read and dropped: who still sends does not read an answer
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        self._receiving = False
        self._stop_timer()
        method = self._parser.get_method().decode()
        self._arrived.append((self._whole(method), self._parser.should_keep_alive(), method == "HEAD"))

    def _too_large(self) -> bool:
        return self._size > self._limits.body_bytes

    def _why_too_large(self) -> str:
        limit = self._limits.body_bytes
        return f"the body has {self._size} bytes or more, but at most {limit} are allowed"

    def _whole(self, method: str) -> Request | Response:
        if self._header_bytes > _HEADER_BYTES:
            return refusal(431, f"the headers have {self._header_bytes} bytes; {_HEADER_BYTES} are allowed")
        if self._too_large():
            return refusal(413, self._why_too_large())
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        path = self._url.partition(b"?")[0].decode("latin-1")
        return Request(method, path, self._headers, body)

    # --- answers --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._arrived and not self._busy:
            found, keep, bare = self._arrived.popleft()
            if isinstance(found, Response):
                self._answer(found, keep, bare)
            elif len(found.body) <= INLINE_BYTES:
                self._answer(self._handler(found), keep, bare)
            else:
                self._busy = True
                self._pause()
                answer = self._loop.run_in_executor(None, self._handler, found)
                answer.add_done_callback(partial(self._done, keep, bare))

    def _done(self, keep: bool, bare: bool, answer: asyncio.Future[Response]) -> None:
        self._busy = False
        self._answer(answer.result(), keep, bare)
        self._work()
        self._resume()
        self._send()

    def _answer(self, answer: Response, keep: bool, bare: bool) -> None:
        if self._transport.is_closing():
            return
        keep = keep and not self._finishing
        self._unsent.append(
            b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (
                _STATUS_LINES[answer.status],
                b"" if keep else b"connection: close\r\n",
                answer.media_type,
                len(answer.body),
                b"" if bare else answer.body,
            )
        )
        if not keep:
            self._arrived.clear()
            self._close()

    def _send(self) -> None:
        if self._unsent:
            self._outbox.add(self)

    def _close(self) -> None:
        self.flush()
        self._transport.close()


_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
