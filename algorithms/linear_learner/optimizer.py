"""What all optimizers of linear-learner share: a step of all rows of a parameter block, or of a few.

A parameter block has shape (rows, columns), each column a model's (or a class's) coefficients, with a
learning rate per column. A step is as few passes over memory as its formula allows: at 784 × 32 a numpy pass
costs 2–4 µs (a square root 9), against 170 µs for the two matrix products of a mini-batch of 200. A step of
all rows allocates nothing: scratch memory and views are made once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from algorithms.aligned import zeros
from algorithms.linear_learner.absence import Absence, Shrinkage, can_follow, grown
from algorithms.linear_learner.blocks import Blocks
from algorithms.linear_learner.rates import GROUP, Penalty, Rates, grouped
from algorithms.touched import scatter

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Decays = Sequence[Floats]
"""One factor a state: a number, or a column (rows, 1) where rows were absent for different times."""

EPSILON = 1e-8
"""What the root of a second moment is increased by, so that nothing is divided by 0."""

_FLUSH_EVERY = 64
_NOTHING = np.float32(1e-20)
"""Weights and moments below it are set to 0 every 64 steps, long before they are subnormal (below 1e-38).

A feature that is always 0 leaves weights that wd shrinks for ever. Arithmetic on subnormal floats takes a
hundred cycles: with 800 of 25,000 weights subnormal a step was measured at three times its time.
"""


@dataclass(frozen=True)
class _View:
    """What a step of one block of rows works on; grouped where that divides (see `rates`).

    rows: of the block that may be penalised.
    """

    penalised: Floats
    penalty: Floats
    rows: slice
    slope: Floats
    changed: Floats
    moments: list[Floats]


class _Views:
    """The views of all blocks: to make them anew for every step would take a tenth of it."""

    def __init__(
        self, weights: Floats, gradient: Floats, state: list[Floats], penalised: int, blocks: Blocks
    ) -> None:
        self.weights, self.gradient = weights, gradient
        self.of = []
        for block in blocks.of(len(weights)):
            rows = slice(block.start, min(block.stop, penalised))
            self.of.append(
                _View(
                    weights[rows],
                    gradient[rows],
                    rows,
                    grouped(gradient[block]),
                    grouped(weights[block]),
                    [grouped(moment[block]) for moment in state],
                )
            )


@dataclass(frozen=True)
class Recalled:
    """Copies of some rows of a parameter block, weights (rows, columns) being those of the present."""

    rows: Rows
    weights: Floats
    moments: list[Floats]


class _Copies:
    """Copies rows of tables into memory that the next copies use again: fresh memory costs more than that.

    tables: how many. columns: of each.
    """

    def __init__(self, tables: int, columns: int) -> None:
        self._rooms = [np.empty((0, columns), np.float32) for _ in range(tables)]

    def of(self, rows: Rows, *tables: Floats) -> list[Floats]:
        """Return `rows` of each table: a third of the time of `table[rows]`."""
        if len(self._rooms[0]) < len(rows):
            size = len(rows) + len(rows) // 4
            self._rooms = [np.empty((size, room.shape[1]), np.float32) for room in self._rooms]
        return [
            table.take(rows, axis=0, out=room[: len(rows)], mode="clip")
            for table, room in zip(tables, self._rooms, strict=True)
        ]


class Optimizer(ABC):
    """Keeps the moments of one parameter block (rows, columns).

    decays: the factor by which each state shrinks in a step. drift_ratio: by which factor the step shrinks
    from one mini-batch to the next for a row whose gradient is 0, as long as the root of the second moment is
    far above epsilon; 0 where such a row does not move.
    """

    decays: tuple[float, ...]
    drift_ratio: float

    def __init__(self, shape: tuple[int, int]) -> None:
        self._state = [zeros(shape) for _ in self.decays]
        self._factors = [np.array(decay, np.float32) for decay in self.decays]  # quicker than numbers
        self._blocks = Blocks(shape[1])
        self._steps = 0
        self._absence: Absence | None = None
        self._views: _Views | None = None
        self._copies = _Copies(1 + len(self.decays), shape[1])
        self._penalty: Penalty | None = None  # of the steps of some rows
        self._shrinkage: Shrinkage | None = None

    def step(
        self,
        weights: Floats,
        gradient: Floats,
        rates: Rates,
        penalty: Penalty,
        *,
        free: int = 0,
    ) -> None:
        """Subtract one step from all `weights`. `gradient` is used as scratch and is lost.

        free: the last rows, to which no penalty applies. After steps of some rows, `settle` comes first.
        """
        self._steps += 1
        if self._steps % _FLUSH_EVERY == 0:
            self._flush(weights)
        self._step_all(weights, gradient, rates, penalty, free)
        if self._absence is not None:
            self._absence.all_took_part(self._steps)

    @property
    def follows_absence(self) -> bool:
        """Whether steps of some rows are possible: not where leftover momentum hardly fades, or grows."""
        return can_follow(self.drift_ratio)

    @property
    def _plain(self) -> bool:
        """Whether a step is in proportion to the gradients (SGD): what drifts is the one state itself."""
        return self.decays == (self.drift_ratio,)

    def recall(self, weights: Floats, rates: Rates, rows: Rows) -> Recalled:
        """Return `rows` of the block, with weights moved on by what they missed; the next call reuses them.

        To be called once before a mini-batch is scored, and followed by `step_rows`. Quicker where GROUP
        divides their number; a row may be among them repeatedly if it stays 0.
        """
        if self._absence is None:
            self._absence = Absence(len(weights), self._steps, self.decays, self.drift_ratio)
        changed, *moments = self._copies.of(rows, weights, *self._state)
        drift = self._absence.drift(rows)
        if drift is not None:
            base = rates.unscheduled(_together(rows))

            def move(block: slice, scratch: Floats) -> None:
                pace = self._direction([moment[block] for moment in moments], scratch)
                pace *= drift[block]
                change = grouped(pace)
                change *= base
                changed[block] -= pace

            self._blocks.run(len(rows), move)
        if self._shrinkage is not None:
            self._shrinkage.apply(changed, rates.unscheduled(1), self._absence.missed(rows), self._blocks)
            self._absence.pay(rows)
        return Recalled(rows, changed, moments)

    def step_rows(
        self,
        weights: Floats,
        recalled: Recalled,
        gradient: Floats,
        rates: Rates,
        penalty: Penalty,
        *,
        free: int = 0,
    ) -> None:
        """Subtract one step from the rows recalled and put them back; they and `gradient` are lost.

        gradient: of those rows. free: the last of them, to which no penalty applies. The cost is in
        proportion to them; what the others miss is made up for when they next take part (see `absence`).
        """
        assert self._absence is not None, "recall comes first"
        if penalty is not self._penalty:
            self._penalty = penalty
            shrinks = self._plain and not penalty.empty
            self._shrinkage = Shrinkage(penalty, self.drift_ratio) if shrinks else None
        self._steps += 1
        rows, changed, moments = recalled.rows, recalled.weights, recalled.moments
        factor, damping = self._constants()
        step = rates.times(factor, _together(rows))
        decays = self._absence.decays(rows, self._steps)
        owed = None if self._plain else self._absence.owed(rows)
        penalised = 0 if penalty.empty else len(rows) - free

        def update(block: slice, scratch: Floats) -> None:
            slope = gradient[block]
            if block.start < penalised:
                part = slice(block.start, min(block.stop, penalised))
                penalty.add(changed[part], gradient[part], scratch, None if owed is None else owed[part])
            state, factors = [moment[block] for moment in moments], [decay[block] for decay in decays]
            direction = self._advance(slope, state, factors, damping, scratch)
            np.multiply(grouped(direction), step, out=grouped(slope))
            changed[block] -= slope

        self._blocks.run(len(rows), update)
        for table, values in zip((weights, *self._state), (changed, *moments), strict=True):
            scatter(table, rows, values)
        self._absence.took_part(rows, self._steps, factor * rates.pace, rates.pace if self._plain else 1.0)

    def settle(self, weights: Floats, rates: Rates) -> None:
        """Bring all rows to the present: to be called before weights are read where some rows had steps."""
        if self._absence is None or self._absence.none_since(self._steps):
            return
        for block in self._blocks.of(len(weights)):
            rows = np.arange(block.start, block.stop)
            weights[block] = self.recall(weights, rates, rows).weights
            decays = self._absence.decays(rows, self._steps)
            for state, decay in zip(self._state, decays, strict=True):
                state[block] *= decay
        self._absence.restart(self._steps)
        self._flush(weights)

    def grow(self, at: int, more: int, total: int) -> None:
        """Make room for `more` rows before row `at`, and `total` in all; new rows have no moments."""
        self._state = [grown(state, at, more, total) for state in self._state]
        self._views = None
        if self._absence is not None:
            self._absence.grow(at, more, total, self._steps)

    def part(self, some: Callable[[Floats], Floats]) -> Optimizer:
        """Return one that goes on with rows of the same block, by a copy of each moment's."""
        assert self._absence is None, "rows of which some had steps of their own"
        part = copy(self)
        part._state, part._views = [some(moment) for moment in self._state], None
        return part

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """Forget the moments of columns that diverged."""
        for moment in self._state:
            moment[:, columns] = 0

    def _flush(self, weights: Floats) -> None:
        for array in (weights, *self._state):
            array[np.abs(array) < _NOTHING] = 0

    def _step_all(self, weights: Floats, gradient: Floats, rates: Rates, penalty: Penalty, free: int) -> None:
        factor, damping = self._constants()
        step = rates.times(factor, GROUP if len(weights) % GROUP == 0 else 1)
        views = self._views
        if views is None or views.weights is not weights or views.gradient is not gradient:
            views = self._views = _Views(weights, gradient, self._state, len(weights) - free, self._blocks)
        owed = None if self._absence is None else self._absence.owed_by_all()
        penalised, scratch = not penalty.empty, self._blocks.scratch
        for view in views.of:
            if penalised and len(view.penalised):
                times = None if owed is None else owed[view.rows]
                penalty.add(view.penalised, view.penalty, scratch, times)
            direction = self._advance(view.slope, view.moments, self._factors, damping, scratch)
            np.multiply(direction, step, out=view.slope)
            np.subtract(view.changed, view.slope, out=view.changed)

    def _constants(self) -> tuple[float, np.float32]:
        """Return a factor on every learning rate, and what is added to the root of the second moment."""
        return 1.0, np.float32(EPSILON)

    @abstractmethod
    def _advance(
        self, gradient: Floats, state: list[Floats], decays: Decays, damping: np.float32, scratch: Floats
    ) -> Floats:
        """Move the moments on; the step per unit of learning rate, which may be `gradient` or a state."""

    def _direction(self, state: list[Floats], scratch: Floats) -> Floats:
        """Return the step per unit of learning rate that the moments alone lead to, in `scratch`."""
        direction = scratch[: state[0].size].reshape(state[0].shape)
        np.copyto(direction, state[0])
        return direction


def _together(rows: Rows) -> int:
    """Return how many rows a pass may take as one."""
    return 1 if len(rows) % GROUP else GROUP
