"""One keep-alive HTTP/1.1 connection from the router to a container.

A protocol of its own rather than a client library: what such a library does around a request takes longer
than the model.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import httptools

from local.endpoints.outbox import outbox
from local.endpoints.prompt import Waiter

_JOINED_BYTES = 64 << 10
"""Longer bodies are written apart from their head: to copy them takes longer than to write twice."""

_IDLE_CLOSE_SECONDS = 0.1
"""What breaks later than this after a request was written had the request: it may have been worked on."""


class BrokenError(Exception):
    """The connection broke off before the answer was whole.

    Attributes:
        idle: whether it had been kept from an earlier request and broke as soon as it was used again, with
            nothing answered: the other side may have closed it for its age in that very moment.

    """

    def __init__(self, message: str, *, idle: bool = False):
        super().__init__(message)
        self.idle = idle


Body = bytes | bytearray
"""A long body stays in what it was received in."""


class Request(NamedTuple):
    """A whole HTTP request, its head with the empty line at its end."""

    head: bytes
    body: Body


@dataclass
class Answer:
    """What a container answered: status, headers by lower-case name, body."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


_connected: set[Connection] = set()
"""Every open connection of every event loop: some are known to nobody else, their instance having gone."""


def close_all() -> None:
    """Close the connections of the running event loop; called in it before it ends."""
    loop = asyncio.get_running_loop()
    for connection in [one for one in _connected if one.belongs_to(loop)]:
        connection.close()


class Connection(asyncio.Protocol):
    """One request at a time; `open` once connected, until either side closes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outbox = outbox(self._loop)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._waiter: Waiter[Answer] | None = None
        self._sent = self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._answer = Answer()
        self._answered: tuple[Waiter[Answer], Answer] | None = None
        self._parts: list[bytes] = []
        self._headers_seen = False
        self._answers = 0
        self._answering = False

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it lives in this event loop."""
        return self._loop is loop

    def quiet(self) -> bool:
        """Return whether the other side is still there: an idle connection with something to read has ended.

        Asked of the kernel, because the event loop learns of the end only at its next turn: a request written
        until then would be lost with a process that was gone before.
        """
        return self._transport is not None and not self._poll.poll(0)

    def send(self, request: Request, deadline: float) -> Waiter[Answer]:
        """Write a request; gives the answer, or raises BrokenError or TimeoutError at `deadline`."""
        assert self._transport is not None
        waiter = self._waiter = Waiter(loop=self._loop)
        self._sent = self._loop.time()
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._arm(deadline)
        if len(request.body) <= _JOINED_BYTES:
            self._outbox.write(self._transport, request.head + request.body)
        else:
            self._outbox.write(self._transport, *request)
        return waiter

    def close(self) -> None:
        """Close it at once."""
        transport, self._transport = self._transport, None
        _connected.discard(self)
        if transport is not None:
            transport.abort()

    def abandon(self) -> None:
        """Close it; nobody waits for the answer any more."""
        self._waiter = None
        self.close()

    def _arm(self, when: float) -> None:
        """Look at `when` whether the answer is late: one timer serves many requests that are answered."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._arm(self._deadline)
            return
        self.close()
        self._end(TimeoutError())

    def _end(self, error: Exception) -> None:
        waiter = self._take_waiter()
        if waiter is not None:
            waiter.set_exception(error)
            waiter.settled()

    def _take_waiter(self) -> Waiter[Answer] | None:
        """Return who waits for the answer, if anybody does, and let nobody wait any more."""
        waiter, self._waiter = self._waiter, None
        return waiter if waiter is not None and not waiter.done() else None

    def _deliver(self) -> None:
        """Give the answer that came whole to who waits for it."""
        if self._answered is not None:
            (waiter, answer), self._answered = self._answered, None
            waiter.set_result(answer)
            waiter.settled()

    # --- asyncio.Protocol -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        _connected.add(self)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        self._answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse(f"it answered no HTTP: {error}")
        except httptools.HttpParserUpgrade:
            self._refuse("it answered 101 and left HTTP, for which it was not asked")
        else:
            self._deliver()

    def _refuse(self, reason: str) -> None:
        """Have nothing more to do with the other side; what it had answered before counts."""
        self.close()
        self._deliver()
        self._end(BrokenError(reason))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way, unless the end of the connection is the end of its answer."""
        ended = exc is None and self._transport is not None  # by the other side, and not by a reset
        self._transport = None
        _connected.discard(self)
        if ended and self._headers_seen and not self._length_known():
            self.on_message_complete()
            self._deliver()
        if self._timer is not None:
            self._timer.cancel()
        idle = self._answers > 0 and not self._answering and self._soon()
        self._end(BrokenError(f"it broke off the connection{f' ({exc})' if exc else ''}", idle=idle))

    def _soon(self) -> bool:
        """Return whether the last request has only just been written."""
        return self._loop.time() - self._sent < _IDLE_CLOSE_SECONDS

    def _length_known(self) -> bool:
        return not {b"content-length", b"transfer-encoding"}.isdisjoint(self._answer.headers)

    # --- httptools ------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start an answer; one that nobody waits for would be taken for that to the next request."""
        if self._waiter is None:
            self.close()
        self._answer = Answer()
        self._parts = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._answer.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Take the status."""
        self._answer.status = self._parser.get_status_code()
        self._headers_seen = True

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Keep the answer for who waits for it."""
        if self._answer.status < 200:  # 100 Continue and the like: the answer is yet to come
            return
        self._headers_seen = self._answering = False
        self._answers += 1
        answer = self._answer
        answer.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        if not self._parser.should_keep_alive():
            self.close()
        waiter = self._take_waiter()
        if waiter is not None:
            self._answered = waiter, answer
