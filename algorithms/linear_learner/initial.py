"""Where weights start: uniform or normal, drawn in one order whether all rows are needed or a few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.settings import Initial

Floats = npt.NDArray[np.float32]

_DRAWN = 2**20
"""Numbers drawn at a time where only some rows are needed."""


class InitialWeights:
    """Initial weights of shape (rows, columns); a row's are the same however they are asked for."""

    def __init__(self, initial: Initial, shape: tuple[int, int], seed: int) -> None:
        self._initial, self._shape, self._seed = initial, shape, seed

    def fill(self, weights: Floats) -> None:
        """Fill in all rows; `weights` has the whole shape."""
        weights[...] = self._draw(np.random.default_rng(self._seed), len(weights))

    def pick(self, rows: npt.NDArray[np.int64], weights: Floats) -> None:
        """Fill in `weights` (len(rows), columns) for `rows` in any order, in bounded memory.

        All rows up to the last are drawn, 2 ns a number, and those not asked for are thrown away.
        """
        random = np.random.default_rng(self._seed)
        order = np.argsort(rows)
        step = max(1, _DRAWN // self._shape[1])
        for start in range(0, int(rows[order[-1]]) + 1, step):
            low, high = np.searchsorted(rows, [start, start + step], sorter=order)
            block = self._draw(random, min(step, self._shape[0] - start))
            weights[order[low:high]] = block[rows[order[low:high]] - start]

    def _draw(self, random: np.random.Generator, rows: int) -> Floats:
        shape = (rows, self._shape[1])
        if self._initial.method == "normal":
            weights = random.standard_normal(shape, np.float32)
            weights *= np.float32(self._initial.sigma)
            return weights
        weights = random.random(shape, np.float32)
        weights -= np.float32(0.5)
        weights *= np.float32(2 * self._initial.scale)
        return weights
