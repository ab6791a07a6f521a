"""Optimizers of linear-learner: in-place updates of a whole block of models, dense or a few rows of it.

A parameter block has shape (rows, columns), each column a model's (or a class's) coefficients, with a
learning rate per column. Constants are folded so that a step is as few passes over memory as the formula
allows: at 784 × 32 a numpy pass costs 2–4 µs (a square root 9), against 150 µs for the two matrix products
of a mini-batch of 200.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

GROUP = 8
"""Rows that a pass takes as one when it broadcasts a value per column.

numpy's inner loop runs over the last axis only: with 32 columns a broadcast product costs 7 µs, over eight
rows taken as one of 256 it costs 3. Blocks whose number of rows is a multiple of GROUP profit.
"""

_EPSILON = 1e-8
_BLOCK = 32768
"""Elements handled at a time: four float32 arrays of this size stay in a core's second-level cache."""

_FLUSH_EVERY = 64
_NOTHING = np.float32(1e-20)
"""Weights and moments below it are set to 0 every 64 steps, long before they are subnormal (below 1e-38).

A feature that is always 0 leaves weights that wd shrinks for ever. Arithmetic on subnormal floats takes a
hundred cycles: with 800 of 25,000 weights subnormal a step was measured at three times its time.
"""

_SIGN = np.uint32(0x80000000)


@dataclass(frozen=True)
class OptimizerSettings:
    """name: sgd, adam or rmsprop; the decay rates that belong to it."""

    name: str
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999


class PerColumn:
    """A value per column, ready for plain and for grouped arrays."""

    def __init__(self, values: Floats, grouped: Floats | None = None) -> None:
        self._plain = values
        self._grouped = np.tile(values, GROUP) if grouped is None else grouped

    def times(self, factor: float) -> PerColumn:
        """Return every value times `factor`."""
        by = np.float32(factor)
        return PerColumn(self._plain * by, self._grouped * by)

    def like(self, array: Floats) -> Floats:
        """Return the values, once or GROUP times, as wide as `array`."""
        return self._plain if array.shape[1] == len(self._plain) else self._grouped


class Penalty:
    """Regularisation per column: wd adds wd·w to the gradient, l1 adds l1·sign(w).

    What is 0 in every column is left out: each costs passes over the weights in every step.
    """

    def __init__(self, wd: Floats, l1: Floats) -> None:
        self._wd = PerColumn(wd) if wd.any() else None
        self._l1 = PerColumn(l1) if l1.any() else None

    def add(self, weights: Floats, gradient: Floats) -> None:
        """Add the penalty's (sub)gradient in place."""
        whole = len(weights) - len(weights) % GROUP
        for part in (slice(0, whole), slice(whole, None)):
            if len(weights[part]):
                self._add(_grouped(weights[part]), _grouped(gradient[part]))

    def _add(self, weights: Floats, gradient: Floats) -> None:
        if self._wd is not None:
            gradient += weights * self._wd.like(weights)
        if self._l1 is not None:
            # copysign(l1, w) by its bits: np.sign and a product take twice as long.
            signed = weights.view(np.uint32) & _SIGN
            signed |= self._l1.like(weights).view(np.uint32)
            gradient += signed.view(np.float32)


def _grouped(array: Floats) -> Floats:
    """View (rows, columns) as (rows / GROUP, GROUP · columns) where that divides."""
    rows, columns = array.shape
    return array if rows % GROUP else array.reshape(rows // GROUP, GROUP * columns)


class Optimizer(Protocol):
    """Keeps its moments for one parameter block."""

    def step(
        self,
        weights: Floats,
        gradient: Floats,
        rates: PerColumn,
        penalty: Penalty,
        *,
        free: int = 0,
        rows: Rows | None = None,
    ) -> None:
        """Subtract one step from `weights`. `gradient` is used as scratch and is lost.

        rates: learning rate per column. free: the last rows of `gradient`, to which no penalty applies.
        rows: the rows of `weights` that `gradient` belongs to (None: all). Rows left out keep their weights
        and moments: a "lazy" update, whose cost is in proportion to what is touched.
        """
        ...

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """Forget the moments of columns that diverged."""
        ...


class _Blocks:
    """Runs an elementwise step over row blocks, on two threads once there are enough of them.

    numpy gives up the interpreter lock inside a pass, so row blocks of a large parameter block (320 columns:
    ten classes × 32 models) run side by side while the BLAS threads are idle.
    """

    def __init__(self, columns: int) -> None:
        self._rows = max(1, _BLOCK // (columns * GROUP)) * GROUP
        self._pool: ThreadPoolExecutor | None = None

    def run(self, rows: int, step: Callable[[slice], None]) -> None:
        blocks = [slice(start, min(start + self._rows, rows)) for start in range(0, rows, self._rows)]
        if len(blocks) < 4:
            _each(step, blocks)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="optimizer")
        half = len(blocks) // 2
        other = self._pool.submit(_each, step, blocks[:half])
        _each(step, blocks[half:])
        other.result()


def _each(step: Callable[[slice], None], blocks: list[slice]) -> None:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # per thread; see LockStep.epoch
        for block in blocks:
            step(block)


class _Stateful(ABC):
    """Shared bookkeeping: state arrays shaped like the parameters, gathered and scattered for row updates."""

    states: int

    def __init__(self, shape: tuple[int, int]) -> None:
        self._state = [np.zeros(shape, np.float32) for _ in range(self.states)]
        self._blocks = _Blocks(shape[1])
        self._steps = 0

    def step(
        self,
        weights: Floats,
        gradient: Floats,
        rates: PerColumn,
        penalty: Penalty,
        *,
        free: int = 0,
        rows: Rows | None = None,
    ) -> None:
        """See `Optimizer.step`."""
        self._steps += 1
        if rows is None:
            if self._steps % _FLUSH_EVERY == 0:
                self._flush(weights)
            self._apply(weights, gradient, self._state, rates, penalty, free)
            return
        touched, state = weights[rows], [moment[rows] for moment in self._state]
        self._apply(touched, gradient, state, rates, penalty, free)
        weights[rows] = touched
        for moment, new in zip(self._state, state, strict=True):
            moment[rows] = new

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """See `Optimizer.clear`."""
        for moment in self._state:
            moment[:, columns] = 0

    def _flush(self, weights: Floats) -> None:
        for array in (weights, *self._state):
            array[np.abs(array) < _NOTHING] = 0

    def _apply(
        self,
        weights: Floats,
        gradient: Floats,
        state: list[Floats],
        rates: PerColumn,
        penalty: Penalty,
        free: int,
    ) -> None:
        factor, damping = self._constants()
        step = rates.times(factor)
        penalised = len(weights) - free

        def update(block: slice) -> None:
            part = slice(block.start, min(block.stop, penalised))
            if part.stop > part.start:
                penalty.add(weights[part], gradient[part])
            slope, moments = _grouped(gradient[block]), [_grouped(moment[block]) for moment in state]
            self._advance(slope, moments, damping)
            slope *= step.like(slope)
            changed = _grouped(weights[block])
            changed -= slope

        self._blocks.run(len(weights), update)

    def _constants(self) -> tuple[float, np.float32]:
        """Return a factor on every learning rate, and what is added to the root of the second moment."""
        return 1.0, np.float32(_EPSILON)

    @abstractmethod
    def _advance(self, gradient: Floats, state: list[Floats], damping: np.float32) -> None:
        """Move the moments on and turn `gradient` into the step per unit of learning rate, in place."""


class Sgd(_Stateful):
    """v ← momentum v + g; w ← w - rate v."""

    states = 1

    def __init__(self, shape: tuple[int, int], momentum: float) -> None:
        super().__init__(shape)
        self._momentum = np.float32(momentum)

    def _advance(self, gradient: Floats, state: list[Floats], damping: np.float32) -> None:
        del damping  # plain gradient descent divides by nothing
        velocity = state[0]
        velocity *= self._momentum
        velocity += gradient
        np.copyto(gradient, velocity)


class Adam(_Stateful):
    """Kingma and Ba (2015), algorithm 1, with its constants folded.

    The moments are kept without their factors, m' = m / (1 - beta_1) and v' = v / (1 - beta_2), which saves
    two passes a step. With both bias corrections the step is then
    rate · (1 - beta_1) / (1 - beta_1^t) · c · m' / (√v' + ε c), where c = √((1 - beta_2^t) / (1 - beta_2)).
    """

    states = 2

    def __init__(self, shape: tuple[int, int], beta_1: float, beta_2: float) -> None:
        super().__init__(shape)
        self._beta_1, self._beta_2 = beta_1, beta_2

    def _constants(self) -> tuple[float, np.float32]:
        second = math.sqrt((1 - self._beta_2**self._steps) / (1 - self._beta_2))
        first = (1 - self._beta_1) / (1 - self._beta_1**self._steps)
        return first * second, np.float32(_EPSILON * second)

    def _advance(self, gradient: Floats, state: list[Floats], damping: np.float32) -> None:
        first, second = state
        first *= np.float32(self._beta_1)
        first += gradient
        second *= np.float32(self._beta_2)
        np.square(gradient, out=gradient)
        second += gradient
        np.sqrt(second, out=gradient)
        gradient += damping
        np.divide(first, gradient, out=gradient)


class RmsProp(_Stateful):
    """Tieleman and Hinton (2012): v ← 0.9 v + 0.1 g²; w ← w - rate g / (√v + ε)."""

    states = 1

    _DECAY = 0.9

    def _advance(self, gradient: Floats, state: list[Floats], damping: np.float32) -> None:
        average = state[0]
        square = np.square(gradient)
        square *= np.float32(1 - self._DECAY)
        average *= np.float32(self._DECAY)
        average += square
        np.sqrt(average, out=square)
        square += damping
        gradient /= square


def create(settings: OptimizerSettings, shape: tuple[int, int]) -> Optimizer:
    """Return the optimizer for one parameter block of `shape`."""
    if settings.name == "sgd":
        return Sgd(shape, settings.momentum)
    if settings.name == "rmsprop":
        return RmsProp(shape)
    return Adam(shape, settings.beta_1, settings.beta_2)
