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
    outbox = _Outbox(loop, selector)
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


class _Outbox:
    """What is to be written, at the end of the event loop's turn if others are served in it.

    Answers to requests that arrived together go out together: written one by one, each would wake its reader
    in the middle of the work on the next, which costs as much as a fifth of a request's processor time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, selector: EagerSelector) -> None:
        self._loop = loop
        self._selector = selector
        self._waiting: list[_Connection] = []

    def add(self, connection: _Connection) -> None:
        if self._selector.found <= 1:
            connection.flush()
            return
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(connection)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.flush()


class _Connection(asyncio.Protocol):
    """One client. Requests of a client that does not wait for answers are answered in their order."""

    def __init__(
        self, handler: Handler, limits: Limits, connections: set[_Connection], outbox: _Outbox
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._connections = connections
        self._outbox = outbox
        self._unsent: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport = cast("asyncio.Transport", None)  # until it is connected, which comes first
        self._arrived: deque[tuple[Request | Response, bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._receiving = False
        self._busy = False
        self._finishing = False

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
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._arrived.append((refusal(400, f"this is not HTTP/1.1: {error}"), False))
            self._receiving = False
        if self._receiving and self._timer is None:
            self._timer = self._loop.call_later(self._limits.seconds, self._late)
        self._work()
        self._send()

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read its answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._busy:
            self._transport.resume_reading()

    def _late(self) -> None:
        self._timer = None
        self._receiving = False
        reason = f"the body did not arrive in {self._limits.seconds:g} seconds"
        self._arrived.append((refusal(408, reason), False))
        self._work()
        self._send()

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
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and not self._too_large():
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
        self._arrived.append((self._whole(), self._parser.should_keep_alive()))

    def _too_large(self) -> bool:
        return self._size > self._limits.body_bytes

    def _whole(self) -> Request | Response:
        if self._header_bytes > _HEADER_BYTES:
            return refusal(431, f"the headers have {self._header_bytes} bytes; {_HEADER_BYTES} are allowed")
        if self._too_large():
            limit = self._limits.body_bytes
            return refusal(413, f"the body has {self._size} bytes or more, but at most {limit} are allowed")
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        path = self._url.partition(b"?")[0].decode("latin-1")
        return Request(self._parser.get_method().decode(), path, self._headers, body)

    # --- answers --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._arrived and not self._busy:
            found, keep = self._arrived.popleft()
            if isinstance(found, Response):
                self._answer(found, keep)
            elif len(found.body) <= INLINE_BYTES:
                self._answer(self._handler(found), keep)
            else:
                self._busy = True
                self._transport.pause_reading()
                answer = self._loop.run_in_executor(None, self._handler, found)
                answer.add_done_callback(partial(self._done, keep))

    def _done(self, keep: bool, answer: asyncio.Future[Response]) -> None:
        self._busy = False
        self._answer(answer.result(), keep)
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._work()
        self._send()

    def _answer(self, answer: Response, keep: bool) -> None:
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
                answer.body,
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
