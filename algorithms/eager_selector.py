"""A selector that asks again for a moment before the process sleeps."""

from __future__ import annotations

import os
import selectors
from time import monotonic

_SECONDS = 200e-6
"""More than a quick client takes between two requests, even where another process is in between."""

_MOST_SKIPPED = 64


class EagerSelector(selectors.DefaultSelector):
    """Waits for what a quick client sends next without letting the processor sleep.

    A processor that slept for the few microseconds between an answer and the next request comes back with
    cold caches: the same work then takes two to three times as long. Asking instead takes no more of its
    time, as the work takes less. Each wait that was eager in vain doubles the number of next waits that are
    not, so that a client that takes its time costs a moment for every sixty-fourth request, and an idle
    server none.

    Attributes:
        found: how much the last wait found ready.

    """

    def __init__(self) -> None:
        super().__init__()
        self.found = 0
        self._skip = 0
        self._next_skip = 1
        self._alone = _cores() == 1  # then only who sleeps lets the client send

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or nothing after so many seconds."""
        ready = self._wait(timeout)
        self.found = len(ready)
        return ready

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 or self._alone:
            return super().select(timeout)
        if self._skip:
            self._skip -= 1
            return super().select(timeout)
        until = monotonic() + _SECONDS
        while monotonic() < until:
            ready = super().select(0)
            if ready:
                self._next_skip = 1
                return ready
            os.sched_yield()
        self._skip = self._next_skip
        self._next_skip = min(2 * self._next_skip, _MOST_SKIPPED)
        return super().select(timeout)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
