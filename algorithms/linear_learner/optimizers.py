"""Optimizers of linear-learner: in-place updates of a whole block of models, dense or a few rows of it.

A parameter block has shape (rows, columns), each column a model's (or a class's) coefficients, with a
learning rate per column. Constants are folded so that a step is as few passes over memory as the formula
allows: at 784 × 32 a numpy pass costs 3–8 µs, against 150 µs for the two matrix products of a mini-batch of
200.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

_EPSILON = 1e-8
_BLOCK = 16384
"""Elements handled at a time: five float32 arrays of this size stay in a core's second-level cache."""

_FLUSH_EVERY = 256
_NOTHING = np.float32(1e-24)


@dataclass(frozen=True)
class Penalty:
    """Regularisation per column: wd adds wd·w to the gradient, l1 adds l1·sign(w); None where all are 0."""

    wd: Floats | None
    l1: Floats | None

    @staticmethod
    def of(wd: Floats, l1: Floats) -> Penalty:
        """Leave out what is 0 everywhere: each costs two passes over the weights a step."""
        return Penalty(wd if wd.any() else None, l1 if l1.any() else None)

    def add(self, weights: Floats, gradient: Floats) -> None:
        """Add the penalty's (sub)gradient in place."""
        if self.wd is not None:
            gradient += weights * self.wd
        if self.l1 is not None:
            gradient += np.sign(weights) * self.l1


class Optimizer(Protocol):
    """Keeps its moments for one parameter block."""

    def step(
        self, weights: Floats, gradient: Floats, rates: Floats, penalty: Penalty, rows: Rows | None = None
    ) -> None:
        """Subtract one step from `weights`. `gradient` is used as scratch and is lost.

        rates: learning rate per column. rows: the rows of `weights` that `gradient` belongs to (None: all).
        Rows left out keep their weights and moments: a "lazy" update, whose cost is in proportion to what is
        touched.
        """
        ...

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """Forget the moments of columns that diverged."""
        ...


@dataclass(frozen=True)
class OptimizerSettings:
    """name: sgd, adam or rmsprop; the decay rates that belong to it."""

    name: str
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999


class _Blocks:
    """Runs an elementwise step over row blocks, on two threads once there are enough of them.

    numpy gives up the interpreter lock inside a pass, so row blocks of a large parameter block (320 columns:
    ten classes × 32 models) run side by side while the BLAS threads are idle.
    """

    def __init__(self, columns: int) -> None:
        self._rows = max(1, _BLOCK // max(columns, 1))
        self._pool: ThreadPoolExecutor | None = None

    def run(self, rows: int, step: Callable[[slice], None]) -> None:
        blocks = [slice(start, min(start + self._rows, rows)) for start in range(0, rows, self._rows)]
        if len(blocks) < 8:
            for block in blocks:
                step(block)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(2, thread_name_prefix="optimizer")
        half = len(blocks) // 2
        for part in [
            self._pool.submit(_each, step, blocks[:half]),
            self._pool.submit(_each, step, blocks[half:]),
        ]:
            part.result()


def _each(step: Callable[[slice], None], blocks: list[slice]) -> None:
    for block in blocks:
        step(block)


class _Stateful:
    """Shared bookkeeping: state arrays shaped like the parameters, gathered and scattered for row updates."""

    states: int

    def __init__(self, shape: tuple[int, int]) -> None:
        self._state = [np.zeros(shape, np.float32) for _ in range(self.states)]
        self._blocks = _Blocks(shape[1])
        self._steps = 0

    def step(
        self, weights: Floats, gradient: Floats, rates: Floats, penalty: Penalty, rows: Rows | None = None
    ) -> None:
        """See `Optimizer.step`."""
        self._steps += 1
        if self._steps % _FLUSH_EVERY == 0:
            self._flush()
        factor, damping = self._constants()
        rates = (rates * factor).astype(np.float32)
        if rows is None:
            self._apply(weights, gradient, self._state, rates, damping, penalty)
            return
        touched, state = weights[rows], [moment[rows] for moment in self._state]
        self._apply(touched, gradient, state, rates, damping, penalty)
        weights[rows] = touched
        for moment, new in zip(self._state, state, strict=True):
            moment[rows] = new

    def _flush(self) -> None:
        """Set moments that decayed to nothing to 0: subnormal arithmetic is tens of times slower."""
        for moment in self._state:
            moment[np.abs(moment) < _NOTHING] = 0

    def clear(self, columns: npt.NDArray[np.bool_]) -> None:
        """See `Optimizer.clear`."""
        for moment in self._state:
            moment[:, columns] = 0

    def _apply(
        self,
        weights: Floats,
        gradient: Floats,
        state: list[Floats],
        rates: Floats,
        damping: np.float32,
        penalty: Penalty,
    ) -> None:
        def update(block: slice) -> None:
            penalty.add(weights[block], gradient[block])
            self._update(weights[block], gradient[block], [moment[block] for moment in state], rates, damping)

        self._blocks.run(len(weights), update)

    def _constants(self) -> tuple[float, np.float32]:
        raise NotImplementedError

    def _update(
        self, weights: Floats, gradient: Floats, state: list[Floats], rates: Floats, damping: np.float32
    ) -> None:
        raise NotImplementedError


class Sgd(_Stateful):
    """v ← momentum v + g; w ← w - rate v."""

    states = 1

    def __init__(self, shape: tuple[int, int], momentum: float) -> None:
        super().__init__(shape)
        self._momentum = np.float32(momentum)

    def _constants(self) -> tuple[float, np.float32]:
        return 1.0, np.float32(0)

    def _update(
        self, weights: Floats, gradient: Floats, state: list[Floats], rates: Floats, damping: np.float32
    ) -> None:
        velocity = state[0]
        velocity *= self._momentum
        velocity += gradient
        np.multiply(velocity, rates, out=gradient)
        weights -= gradient


class Adam(_Stateful):
    """Kingma and Ba (2015), algorithm 1, with its constants folded.

    The moments are kept without their factors (1 - beta): m' = m / (1 - beta_1), v' = v / (1 - beta_2),
    which saves two passes a step. With both bias corrections the step is then
    rate · (1 - beta_1) / (1 - beta_1^t) · c · m' / (√v' + ε c), where c = √((1 - beta_2^t) / (1 - beta_2)).
    """

    states = 2

    def __init__(self, shape: tuple[int, int], beta_1: float, beta_2: float) -> None:
        super().__init__(shape)
        self._beta_1, self._beta_2 = beta_1, beta_2
        self._decay_1, self._decay_2 = np.float32(beta_1), np.float32(beta_2)

    def _constants(self) -> tuple[float, np.float32]:
        second = math.sqrt((1 - self._beta_2**self._steps) / (1 - self._beta_2))
        first = (1 - self._beta_1) / (1 - self._beta_1**self._steps)
        return first * second, np.float32(_EPSILON * second)

    def _update(
        self, weights: Floats, gradient: Floats, state: list[Floats], rates: Floats, damping: np.float32
    ) -> None:
        first, second = state
        first *= self._decay_1
        first += gradient
        second *= self._decay_2
        np.square(gradient, out=gradient)
        second += gradient
        np.sqrt(second, out=gradient)
        gradient += damping
        np.divide(first, gradient, out=gradient)
        gradient *= rates
        weights -= gradient


class RmsProp(_Stateful):
    """Tieleman and Hinton (2012): v ← 0.9 v + 0.1 g²; w ← w - rate g / (√v + ε)."""

    states = 1

    _DECAY = 0.9

    def _constants(self) -> tuple[float, np.float32]:
        return 1.0, np.float32(_EPSILON)

    def _update(
        self, weights: Floats, gradient: Floats, state: list[Floats], rates: Floats, damping: np.float32
    ) -> None:
        average = state[0]
        square = np.square(gradient)
        square *= np.float32(1 - self._DECAY)
        average *= np.float32(self._DECAY)
        average += square
        np.sqrt(average, out=square)
        square += damping
        gradient /= square
        gradient *= rates
        weights -= gradient


def create(settings: OptimizerSettings, shape: tuple[int, int]) -> Optimizer:
    """Return the optimizer for one parameter block of `shape`."""
    if settings.name == "sgd":
        return Sgd(shape, settings.momentum)
    if settings.name == "rmsprop":
        return RmsProp(shape)
    return Adam(shape, settings.beta_1, settings.beta_2)
