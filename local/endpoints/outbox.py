"""Writing at the end of an event loop's turn what was to be written in it.

Requests and answers that came together go on together: written one by one, each would wake its reader in the
middle of the work on the next, and with more processes than processors take the place of the writer.
"""

from __future__ import annotations

import asyncio
from typing import cast

from local.endpoints.attentive_selector import AttentiveSelector

Bytes = bytes | bytearray


class Outbox:
    """What one event loop's connections write."""

    def __init__(self, loop: asyncio.AbstractEventLoop, selector: AttentiveSelector) -> None:
        """Take the loop and what it waits by."""
        self._loop = loop
        self._selector = selector
        self._waiting: list[tuple[asyncio.WriteTransport, tuple[Bytes, ...]]] = []

    def write(self, transport: asyncio.WriteTransport, *parts: Bytes) -> None:
        """Write the parts one after another, at once where there is nothing else in this turn."""
        self._selector.attend()
        if self._selector.found <= 1 and not self._waiting:
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


class _Loop(asyncio.SelectorEventLoop):
    """An event loop with an outbox, which goes when the loop goes."""

    def __init__(self) -> None:
        selector = AttentiveSelector()
        super().__init__(selector)
        self.outbox = Outbox(self, selector)


def outbox(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the outbox of a loop of `new_event_loop`."""
    return cast("_Loop", loop).outbox


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop with an outbox, attentive to what those to whom it writes say next."""
    return _Loop()
