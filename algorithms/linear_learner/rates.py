"""Values per column of a parameter block: learning rates and penalties, laid out for quick passes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

GROUP = 8
"""Rows that a pass takes as one when it broadcasts a value per column.

numpy's inner loop runs over the last axis only: with 32 columns a broadcast product costs 7 µs, over eight
rows taken as one of 256 it costs 4. Blocks whose number of rows is a multiple of GROUP profit.
"""

_SIGN = np.uint32(0x80000000)


def grouped(array: Floats) -> Floats:
    """View (rows, columns) as (rows / GROUP, GROUP · columns) where that divides."""
    rows, columns = array.shape
    return array if rows % GROUP else array.reshape(rows // GROUP, GROUP * columns)


class Rates:
    """A learning rate per column, (columns,).

    base: the rates before the schedule. multiplier: what the schedule has made of them by now. Rates are
    `base · multiplier` but not below `least`, (columns,).
    """

    def __init__(self, base: Floats, multiplier: float = 1.0, least: Floats | None = None) -> None:
        self.base = base
        values = base * np.float32(multiplier)
        if least is not None:
            np.maximum(values, least, out=values)
        top = float(base.max(initial=0))
        self.multiplier = float(values.max(initial=0)) / top if top else 1.0
        # One number where all are equal: numpy's product with a number takes half as long.
        self._equal = float(values[0]) if len(values) and (values == values[0]).all() else None
        self._values = {1: values, GROUP: np.tile(values, GROUP)}
        self._scaled = {times: np.empty_like(array) for times, array in self._values.items()}

    def times(self, factor: float, rows: int) -> Floats | np.float32:
        """Return every rate times `factor`, for 1 row or for GROUP; overwritten by the next call."""
        if self._equal is not None:
            return np.float32(self._equal * factor)
        scaled = self._scaled[rows]
        np.multiply(self._values[rows], np.float32(factor), out=scaled)
        return scaled


class Penalty:
    """Regularisation per column: wd adds wd·w to the gradient, l1 adds l1·sign(w).

    What is 0 in every column is left out: each costs passes over the weights in every step.
    """

    def __init__(self, wd: Floats, l1: Floats) -> None:
        self._wd = {1: wd, GROUP: np.tile(wd, GROUP)} if wd.any() else None
        self._l1 = {1: _bits(l1), GROUP: _bits(np.tile(l1, GROUP))} if l1.any() else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to add."""
        return self._wd is None and self._l1 is None

    def add(self, weights: Floats, gradient: Floats, scratch: Floats, times: Floats | None = None) -> None:
        """Add the penalty's (sub)gradient in place, `times` (rows, 1) over where given."""
        if times is not None:
            self._add(weights, gradient, scratch, 1, times)
            return
        whole = len(weights) - len(weights) % GROUP
        if whole:
            self._add(grouped(weights[:whole]), grouped(gradient[:whole]), scratch, GROUP)
        if whole < len(weights):
            self._add(weights[whole:], gradient[whole:], scratch, 1)

    def _add(
        self, weights: Floats, gradient: Floats, scratch: Floats, rows: int, times: Floats | None = None
    ) -> None:
        room = scratch[: weights.size].reshape(weights.shape)
        if self._wd is not None:
            np.multiply(weights, self._wd[rows], out=room)
            if times is not None:
                room *= times
            gradient += room
        if self._l1 is not None:
            # copysign(l1, w) by its bits: np.sign and a product take twice as long.
            bits = room.view(np.uint32)
            np.bitwise_and(weights.view(np.uint32), _SIGN, out=bits)
            np.bitwise_or(bits, self._l1[rows], out=bits)
            if times is not None:
                room *= times
            gradient += room


def _bits(values: Floats) -> npt.NDArray[np.uint32]:
    return values.view(np.uint32)
