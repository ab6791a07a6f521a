"""What all optimizers of linear-learner share: a step of all rows of a parameter block, or of a few.

A parameter block has shape (rows, columns), each column a model's (or a class's) coefficients, with a
learning rate per column. A step is as few passes over memory as its formula allows: at 784 × 32 a numpy pass
costs 2–4 µs (a square root 9), against 170 µs for the two matrix products of a mini-batch of 200. A step of
all rows allocates nothing: scratch memory and views are made once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.absence import Absence, can_follow, grown
from algorithms.linear_learner.blocks import Blocks
from algorithms.linear_learner.rates import GROUP, Penalty, Rates, grouped

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Decays = Sequence[np.float32] | Sequence[Floats]
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
    """What a step of one block of rows works on; grouped where that divides (see `rates`)."""

    penalised: Floats
    penalty: Floats
    slope: Floats
    changed: Floats
    moments: list[Floats]


class _Views:
    """The views of all blocks: to make them anew for every step would take a tenth of it."""

    def __init__(
        self, weights: Floats, gradient: Floats, state: list[Floats], penalised: int, blocks: Blocks
    ) -> None:
        self.weights, self.gradient = weights, gradient
        self.of = {
            block.start: _View(
                weights[block.start : min(block.stop, penalised)],
                gradient[block.start : min(block.stop, penalised)],
                grouped(gradient[block]),
                grouped(weights[block]),
                [grouped(moment[block]) for moment in state],
            )
            for block in blocks.of(len(weights))
        }


class Optimizer(ABC):
    """Keeps the moments of one parameter block (rows, columns).

    decays: the factor by which each state shrinks in a step. drift_ratio: by which factor the step shrinks
    from one mini-batch to the next for a row whose gradient is 0, as long as the root of the second moment is
    far above epsilon; 0 where such a row does not move.
    """

    decays: tuple[float, ...]
    drift_ratio: float

    def __init__(self, shape: tuple[int, int]) -> None:
        self._state = [np.zeros(shape, np.float32) for _ in self.decays]
        self._factors = [np.float32(decay) for decay in self.decays]
        self._blocks = Blocks(shape[1])
        self._steps = 0
        self._absence: Absence | None = None
        self._views: _Views | None = None

    def step(
        self,
        weights: Floats,
        gradient: Floats,
        rates: Rates,
        penalty: Penalty,
        *,
        free: int = 0,
        rows: Rows | None = None,
    ) -> None:
        """Subtract one step from `weights`. `gradient` is used as scratch and is lost.

        free: the last rows of `gradient`, to which no penalty applies. rows: the rows of `weights` that
        `gradient` belongs to (None: all). The cost is in proportion to those; what the others miss is made
        up for when they next take part (see `absence`).
        """
        if rows is None and self._absence is not None:
            rows = np.arange(len(weights))
        self._steps += 1
        if rows is None:
            if self._steps % _FLUSH_EVERY == 0:
                self._flush(weights)
            self._step_all(weights, gradient, rates, penalty, free)
            return
        if self._absence is None:
            self._absence = Absence(len(weights), self._steps - 1, self.decays, self.drift_ratio)
        self._step_rows(self._absence, weights, gradient, rates, penalty, free, rows)

    @property
    def follows_absence(self) -> bool:
        """Whether steps of some rows are possible: not where leftover momentum hardly fades, or grows."""
        return can_follow(self.drift_ratio)

    def recall(self, weights: Floats, rates: Rates, rows: Rows) -> Floats:
        """Return `rows` of the weights, moved on by what they missed up to now.

        To be called once before a mini-batch is scored, and followed by a step of these rows.
        """
        if self._absence is None:
            self._absence = Absence(len(weights), self._steps, self.decays, self.drift_ratio)
        absence, recalled = self._absence, weights[rows]

        def move(block: slice, scratch: Floats) -> None:
            some = rows[block]
            drift = absence.drift(some)
            if drift is not None:
                pace = self._direction([state[some] for state in self._state], scratch)
                pace *= rates.base
                pace *= drift
                recalled[block] -= pace
                weights[some] = recalled[block]

        self._blocks.run(len(rows), move)
        return recalled

    def settle(self, weights: Floats, rates: Rates) -> None:
        """Bring all rows to the present: to be called before weights are read where steps had `rows`."""
        if self._absence is None:
            return
        for block in self._blocks.of(len(weights)):
            rows = np.arange(block.start, block.stop)
            self.recall(weights, rates, rows)
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

        def update(block: slice, scratch: Floats) -> None:
            view = views.of[block.start]
            if len(view.penalised) and not penalty.empty:
                penalty.add(view.penalised, view.penalty, scratch)
            direction = self._advance(view.slope, view.moments, self._factors, damping, scratch)
            np.multiply(direction, step, out=view.slope)
            np.subtract(view.changed, view.slope, out=view.changed)

        self._blocks.run(len(weights), update)

    def _step_rows(
        self,
        absence: Absence,
        weights: Floats,
        gradient: Floats,
        rates: Rates,
        penalty: Penalty,
        free: int,
        rows: Rows,
    ) -> None:
        factor, damping = self._constants()
        step = rates.times(factor, 1)
        penalised = len(rows) - free

        def update(block: slice, scratch: Floats) -> None:
            some, slope = rows[block], gradient[block]
            changed, moments = weights[some], [state[some] for state in self._state]
            part = min(block.stop, penalised) - block.start
            if part > 0 and not penalty.empty:
                penalty.add(changed[:part], slope[:part], scratch, absence.owed(some[:part], self._steps))
            direction = self._advance(slope, moments, absence.decays(some, self._steps), damping, scratch)
            np.multiply(direction, step, out=slope)
            changed -= slope
            weights[some] = changed
            for state, moment in zip(self._state, moments, strict=True):
                state[some] = moment

        self._blocks.run(len(rows), update)
        absence.took_part(rows, self._steps, factor * rates.pace)

    def _constants(self) -> tuple[float, np.float32]:
        """Return a factor on every learning rate, and what is added to the root of the second moment."""
        return 1.0, np.float32(EPSILON)

    @abstractmethod
    def _advance(
        self, gradient: Floats, state: list[Floats], decays: Decays, damping: np.float32, scratch: Floats
    ) -> Floats:
        """Move the moments on; the step per unit of learning rate, which may be `gradient` or a state."""

    def _direction(self, state: list[Floats], scratch: Floats) -> Floats:
        """Return the step per unit of learning rate that the moments alone lead to; it may be overwritten."""
        del scratch
        return state[0]
