"""One client's connection to the server around a model."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import httptools

from algorithms.http_messages import Handler, Limits, Request, Response, refusal
from algorithms.http_outbox import Outbox
from algorithms.request_heads import RequestHeads

INLINE_BYTES = 1 << 20
"""Larger bodies are worked on in a thread, so that other connections are answered meanwhile. Smaller ones
take a few milliseconds, less than a thread and the event loop would spend on waiting for each other."""

_HEADER_BYTES = 64 << 10


class Connection(asyncio.Protocol):
    """One client. Requests of a client that does not wait for answers are answered in their order."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        heads: RequestHeads,
        connections: set[Connection],
        outbox: Outbox,
    ) -> None:
        self._handler = handler
        self._heads = heads
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
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client."""
        self._connections.discard(self)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        between = not (self._receiving or self._arrived or self._busy)
        known = self._heads.find(data) if between else None
        if known is not None:
            self._answer(self._handler(known), keep=True, bare=False)
            self._send()
            return
        self._parse(data)
        if between and len(self._arrived) == 1 and not self._receiving:
            found, keep, bare = self._arrived[0]
            if isinstance(found, Request) and keep and not bare:
                self._heads.learn(data, found)
        if self._receiving and self._timer is None:
            self._start_timer()
        self._work()
        self._send()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # what follows is taken for another protocol, even a body
            found, _, bare = self._arrived.pop()
            if self._size or b"transfer-encoding" in self._headers:
                found = refusal(400, "a body is not read after Upgrade: send the request without that header")
            self._arrived.append((found, False, bare))
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is not HTTP/1.1: {error}")

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read its answers."""
        self._blocked = True
        self._pause()

    def resume_writing(self) -> None:
        """Go on with a client that has read its answers."""
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
        """Start a request."""
        self._receiving = True
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._parts: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes <= _HEADER_BYTES:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Take the announced size; answer who asks before sending a body."""
        announced = self._headers.get(b"content-length", b"0")
        if announced.isdigit():
            self._size = int(announced)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            if self._too_large():  # told now: the client waits for leave to send its body
                self._refuse(413, self._why_too_large())
            else:
                self._unsent.append(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if b"content-length" not in self._headers:
            self._size += len(body)
        if self._too_large():
            self._parts.clear()  # the rest is read and dropped: who still sends does not read an answer
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Take the request as arrived."""
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
