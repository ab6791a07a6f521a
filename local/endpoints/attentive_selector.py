"""A selector that does not sleep while a container is about to answer, or a client to ask again.

As containers do themselves: a processor that slept for those few microseconds comes back with cold caches,
and the same work takes two to three times as long.
"""

from __future__ import annotations

import os
import selectors
from time import monotonic

from local.process import cores

_SECONDS = 200e-6
"""About what a container takes for a row, and more than a quick client takes between two requests."""

_MOST_SKIPPED = 64


class AttentiveSelector(selectors.DefaultSelector):
    """Asks again for a moment after there was an invocation, or a part of one.

    Each such wait that was in vain doubles the number of next ones that are left out: slow models and clients
    cost next to nothing, and the rest of the service, which does not `attend`, nothing at all.

    Attributes:
        found: how much the last wait found ready.

    """

    def __init__(self) -> None:
        super().__init__()
        self.found = 0
        self._until = 0.0
        self._skip = 0
        self._next_skip = 1
        self._alone = cores() == 1  # then only who sleeps lets others answer

    def attend(self) -> None:
        """Expect something soon."""
        self._until = monotonic() + _SECONDS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or nothing after so many seconds."""
        ready = self._wait(timeout)
        self.found = len(ready)
        return ready

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 or monotonic() >= self._until or self._alone:
            return super().select(timeout)
        if self._skip:
            self._skip -= 1
            return super().select(timeout)
        while monotonic() < self._until:
            ready = super().select(0)
            if ready:
                self._next_skip = 1
                return ready
            os.sched_yield()
        self._skip = self._next_skip
        self._next_skip = min(2 * self._next_skip, _MOST_SKIPPED)
        return super().select(timeout)
