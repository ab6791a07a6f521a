"""Elementwise work over blocks of rows that stay in a core's cache between the passes.

One thread: numpy gives up the interpreter lock for the microseconds of each pass, and a thread that waits for
it is woken later than the other asks for it again. Two threads with half the blocks each ran one after the
other, and a step of 320 columns took 1.5 times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from algorithms.aligned import zeros
from algorithms.linear_learner.rates import GROUP

Floats = npt.NDArray[np.float32]
Work = Callable[[slice, Floats], None]
"""(rows, scratch of at least as many elements as these rows have) → nothing."""

_BLOCK = 65536
"""Elements handled at a time: four float32 arrays of this size are 1 MiB, a core's second-level cache."""


class Blocks:
    """Runs work over row blocks of arrays with so many columns.

    of: rows → the blocks of rows 0 … rows - 1. scratch: for one block at a time.
    """

    def __init__(self, columns: int) -> None:
        self._rows = max(1, _BLOCK // (columns * GROUP)) * GROUP
        self.scratch = zeros((self._rows * columns,))
        self.of = cache(self._of)

    def run(self, rows: int, work: Work) -> None:
        """Do `work` for every block of rows 0 … rows - 1."""
        for block in self.of(rows):
            work(block, self.scratch)

    def _of(self, rows: int) -> tuple[slice, ...]:
        return tuple(slice(start, min(start + self._rows, rows)) for start in range(0, rows, self._rows))
