"""Values per column of a parameter block: learning rates and penalties, laid out for quick passes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

GROUP = 8
"""Rows that a pass takes as one when it broadcasts a value per column.

numpy's inner loop runs over the last axis only: with 32 columns a broadcast product costs 7 µs, over eight
rows taken as one of 256 it costs 4. Blocks whose number of rows is a multiple of GROUP profit.
"""

Number = TypeVar("Number", np.float32, np.uint32)

_SIGN = np.uint32(0x80000000)


def grouped(array: Floats) -> Floats:
    """View (rows, columns) as (rows / GROUP, GROUP · columns) where that divides."""
    rows, columns = array.shape
    return array if rows % GROUP else array.reshape(rows // GROUP, GROUP * columns)


class Rates:
    """A learning rate per column: `base · multiplier`, but not below the lesser of `base` and `minimum`.

    base: (columns,), the rates before the schedule. multiplier: what the schedule has made of them by now; to
    be set when it moves on.
    """

    def __init__(self, base: Floats, minimum: float = 0.0) -> None:
        self.base, self.multiplier = base, 1.0
        self._minimum = minimum
        self._most = float(base.max(initial=0))
        self._least = float(base.min(initial=np.inf, where=base > 0))
        # One number where all are equal: numpy's product with a number takes half as long.
        self._equal = bool((base == self._most).all())
        self._wide = _widths(base)
        self._held = _widths(np.minimum(base, np.float32(minimum)))
        self._scaled = {times: np.empty_like(array) for times, array in self._wide.items()}

    @property
    def pace(self) -> float:
        """What has become of the largest rate, relative to its base."""
        return max(self.multiplier, min(1.0, self._minimum / self._most)) if self._most else self.multiplier

    def unscheduled(self, rows: int) -> Floats:
        """Return `base` for 1 row or for GROUP."""
        return self._wide[rows]

    def without(self, columns: npt.NDArray[np.bool_]) -> Rates:
        """Return the same rates with 0 in these columns."""
        rates = Rates(np.where(columns, np.float32(0), self.base), self._minimum)
        rates.multiplier = self.multiplier
        return rates

    def times(self, factor: float, rows: int) -> Floats | np.float32:
        """Return every rate times `factor`, for 1 row or for GROUP; overwritten by the next call."""
        if self._equal:
            return np.float32(self._most * self.pace * factor)
        scaled = self._scaled[rows]
        np.multiply(self._wide[rows], np.float32(self.multiplier * factor), out=scaled)
        if self._least * self.multiplier < self._minimum:
            np.maximum(scaled, self._held[rows] * np.float32(factor), out=scaled)
        return scaled


class Penalty:
    """Regularisation per column: wd adds wd·w to the gradient, l1 adds l1·sign(w).

    What is 0 in every column is left out: each costs passes over the weights in every step.

    Attributes:
        wd, l1: (columns,).

    """

    def __init__(self, wd: Floats, l1: Floats) -> None:
        self.wd, self.l1 = wd, l1
        self._wd = _widths(wd) if wd.any() else None
        self._l1 = _widths(l1.view(np.uint32)) if l1.any() else None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to add."""
        return self._wd is None and self._l1 is None

    def add(self, weights: Floats, gradient: Floats, scratch: Floats, times: Floats | None = None) -> None:
        """Add the penalty's (sub)gradient in place, `times` (rows, 1) over where given."""
        whole = len(weights) - len(weights) % GROUP
        first, rest = slice(0, whole), slice(whole, None)
        if whole:
            due = None if times is None else times[first]
            self._add(grouped(weights[first]), grouped(gradient[first]), scratch, GROUP, due)
        if whole < len(weights):
            self._add(weights[rest], gradient[rest], scratch, 1, None if times is None else times[rest])

    def _add(
        self, weights: Floats, gradient: Floats, scratch: Floats, rows: int, times: Floats | None
    ) -> None:
        room = scratch[: weights.size].reshape(weights.shape)
        if self._wd is not None:
            np.multiply(weights, self._wd[rows], out=room)
            gradient += _each_times(room, times)
        if self._l1 is not None:
            # copysign(l1, w) by its bits: np.sign and a product take twice as long.
            bits = room.view(np.uint32)
            np.bitwise_and(weights.view(np.uint32), _SIGN, out=bits)
            np.bitwise_or(bits, self._l1[rows], out=bits)
            gradient += _each_times(room, times)


def _each_times(values: Floats, times: Floats | None) -> Floats:
    """Multiply the rows, which `values` may hold several of in one, by `times` (rows, 1) in place."""
    if times is not None:
        rows = values.reshape(len(times), -1)
        rows *= times
    return values


def _widths(values: npt.NDArray[Number]) -> dict[int, npt.NDArray[Number]]:
    """Return values per column for 1 row and for GROUP rows taken as one."""
    return {1: values, GROUP: np.tile(values, GROUP)}
