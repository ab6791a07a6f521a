"""Time ours, the bound and the peers in turns, so that all see the same machine.

Before each of them, free memory is taken and given back. The host of a virtual machine may take memory away
that has been free for some seconds, and find it again only when it is touched: 157 MB of a job's scratch file
then take 0.25 to 0.45 s instead of 0.06. That is nobody's work, and falls on whoever needs memory first.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any

NEIGHBOURS = ("ours", "bound")

RUNS = 3
"""Counted runs of each, at least: a median of fewer says nothing."""


FREE_BYTES = 768 * 2**20
"""More than any job here takes."""


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
    """Call each in turn, `runs` times over after one round to warm up, and no one twice in a row.

    Each round has an order of its own, the same whenever it is run. Who always came after the same other
    would take over the state that it leaves the machine in: linear-learner, with both cores, took 1.19 s
    every time after some seconds of one busy core, and 1.13 s in changing company. Of what is compared with a
    bound, the two are neighbours in every round: where the host moves the virtual cores, the machine's speed
    changes by a fifth from one half minute to the next, and a ratio across such a change says nothing.

    Args:
        calls: name → work; each should do the whole work again. `ours` and `bound` are neighbours.
        runs: counted rounds.

    Returns:
        name → its times.

    """
    timed = {name: Timed() for name in calls}
    for turn, names in enumerate(_rounds(list(calls), runs + 1)):
        for name in names:
            call = calls[name]
            gc.collect()
            have_memory_free()
            started = time.perf_counter()
            returned = call()
            elapsed = time.perf_counter() - started
            timed[name].returned = returned
            if turn:
                timed[name].seconds.append(elapsed)
    return timed


def _rounds(names: list[str], count: int) -> Iterator[list[str]]:
    order, random = list(names), Random(0)
    yield list(order)
    for _ in range(count - 1):
        last = order[-1]
        order = _shuffled(names, random)
        while len(names) > 1 and order[0] == last:
            order = _shuffled(names, random)
        yield order


def _shuffled(names: list[str], random: Random) -> list[str]:
    pair = [name for name in names if name in NEIGHBOURS]
    random.shuffle(pair)
    groups = [pair] + [[name] for name in names if name not in NEIGHBOURS]
    random.shuffle(groups)
    return list(chain.from_iterable(groups))


def have_memory_free() -> None:
    """Write a file and drop it: the pages that are allocated next are there.

    Pages of a file, as of the scratch files that take most of a job's memory: anonymous ones given back did
    not help those.
    """
    block = bytes(2**20)
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(FREE_BYTES // len(block)):
            file.write(block)
