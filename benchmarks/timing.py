"""Time ours, the bound and the peers in turns, so that all see the same machine."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RUNS = 3
"""Counted runs of each, at least: a median of fewer says nothing."""


@dataclass
class Timed:
    """Seconds of each counted run, and what the last one returned."""

    seconds: list[float] = field(default_factory=list)
    returned: Any = None

    @property
    def median(self) -> float:
        """Median of the runs, in seconds."""
        return statistics.median(self.seconds)


def in_turns(calls: Mapping[str, Callable[[], Any]], runs: int = RUNS) -> dict[str, Timed]:
    """Call each in turn, `runs` times over after one round to warm up.

    Args:
        calls: name → work; each should do the whole work again.
        runs: counted rounds.

    Returns:
        name → its times.

    """
    timed = {name: Timed() for name in calls}
    for turn in range(runs + 1):
        for name, call in calls.items():
            gc.collect()
            started = time.perf_counter()
            returned = call()
            elapsed = time.perf_counter() - started
            timed[name].returned = returned
            if turn:
                timed[name].seconds.append(elapsed)
    return timed
