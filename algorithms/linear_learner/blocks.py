"""Elementwise work over blocks of rows that stay in a core's cache, on two threads where that pays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.rates import GROUP

Floats = npt.NDArray[np.float32]
Work = Callable[[slice, Floats], None]
"""(rows, scratch of at least as many elements as these rows have) → nothing."""

_BLOCK = 32768
"""Elements handled at a time: four float32 arrays of this size stay in a core's second-level cache."""
_SHARED_FROM = 4
"""Blocks from which on a second thread takes half: handing over costs about as much as one block's work."""


class Blocks:
    """Runs work over row blocks of arrays with so many columns.

    numpy gives up the interpreter lock inside a pass, so row blocks of a large parameter block (320 columns:
    ten classes × 32 models) run side by side while the BLAS threads are idle.
    """

    def __init__(self, columns: int) -> None:
        self._rows = max(1, _BLOCK // (columns * GROUP)) * GROUP
        self._scratch = [np.empty(self._rows * columns, np.float32) for _ in range(2)]
        self._pool: ThreadPoolExecutor | None = None
        self.of = cache(self._of)

    def run(self, rows: int, work: Work) -> None:
        """Do `work` for every block of rows 0 … rows - 1."""
        blocks = self.of(rows)
        if len(blocks) < _SHARED_FROM:
            for block in blocks:
                work(block, self._scratch[0])
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="optimizer")
        half = len(blocks) // 2
        other = self._pool.submit(_each, work, blocks[:half], self._scratch[1])
        _each(work, blocks[half:], self._scratch[0])
        other.result()

    def _of(self, rows: int) -> tuple[slice, ...]:
        return tuple(slice(start, min(start + self._rows, rows)) for start in range(0, rows, self._rows))


def _each(work: Work, blocks: tuple[slice, ...], scratch: Floats) -> None:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # per thread; see LockStep.epoch
        for block in blocks:
            work(block, scratch)
