"""Writing at the end of an event loop's turn what was to be written in it.

Requests and answers that came together go on together: written one by one, each would wake its reader in the
middle of the work on the next, and with more processes than processors take the place of the writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from local.endpoints.attentive_selector import AttentiveSelector

Bytes = bytes | bytearray


class Outbox:
    """What one event loop's connections write.

    Attributes:
        under_way: how many requests are at containers; with others to wait for, writing can wait for the end
            of the turn.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop, attend: Callable[[], None]) -> None:
        """Take the loop, and what to call when an answer or a next request can be expected soon."""
        self.under_way = 0
        self._loop = loop
        self._attend = attend
        self._waiting: list[tuple[asyncio.WriteTransport, tuple[Bytes, ...]]] = []

    def write(self, transport: asyncio.WriteTransport, *parts: Bytes) -> None:
        """Write the parts one after another, at once where nothing else is under way."""
        self._attend()
        if self.under_way == 0 and not self._waiting:
            _write(transport, parts)
            return
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append((transport, parts))

    def flush(self) -> None:
        """Write what waits, before something else is written or closed."""
        waiting, self._waiting = self._waiting, []
        for transport, parts in waiting:
            _write(transport, parts)


def _write(transport: asyncio.WriteTransport, parts: tuple[Bytes, ...]) -> None:
    if not transport.is_closing():
        for part in parts:
            transport.write(part)


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the loop's outbox."""
    found = _outboxes.get(loop)
    if found is None:
        found = _outboxes[loop] = Outbox(loop, lambda: None)
    return found


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that is attentive to what its outbox's readers say next."""
    selector = AttentiveSelector()
    loop = asyncio.SelectorEventLoop(selector)
    _outboxes[loop] = Outbox(loop, selector.attend)
    return loop
