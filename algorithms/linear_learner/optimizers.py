"""The optimizers of linear-learner by their formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.optimizer import EPSILON, Decays, Optimizer

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OptimizerSettings:
    """name: sgd, adam or rmsprop; the decay rates that belong to it."""

    name: str
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999


class Sgd(Optimizer):
    """v ← momentum v + g; w ← w - rate v."""

    def __init__(self, shape: tuple[int, int], momentum: float) -> None:
        self.decays, self.drift_ratio = (momentum,), momentum
        super().__init__(shape)

    def _advance(
        self, gradient: Floats, state: list[Floats], decays: Decays, damping: np.float32, scratch: Floats
    ) -> Floats:
        del damping, scratch  # plain gradient descent divides by nothing
        velocity = state[0]
        velocity *= decays[0]
        velocity += gradient
        return velocity


class Adam(Optimizer):
    """Kingma and Ba (2015), algorithm 1, with its constants folded.

    The moments are kept without their factors, m' = m / (1 - beta_1) and v' = v / (1 - beta_2), which saves
    two passes a step. With both bias corrections the step is then
    rate · (1 - beta_1) / (1 - beta_1^t) · c · m' / (√v' + ε c), where c = √((1 - beta_2^t) / (1 - beta_2)).
    """

    def __init__(self, shape: tuple[int, int], beta_1: float, beta_2: float) -> None:
        self._beta_1, self._beta_2 = beta_1, beta_2
        self.decays, self.drift_ratio = (beta_1, beta_2), beta_1 / math.sqrt(beta_2) if beta_2 else math.inf
        super().__init__(shape)

    def _constants(self) -> tuple[float, np.float32]:
        second = math.sqrt((1 - self._beta_2**self._steps) / (1 - self._beta_2))
        first = (1 - self._beta_1) / (1 - self._beta_1**self._steps)
        return first * second, np.float32(EPSILON * second)

    def _advance(
        self, gradient: Floats, state: list[Floats], decays: Decays, damping: np.float32, scratch: Floats
    ) -> Floats:
        del scratch
        first, second = state
        np.multiply(first, decays[0], out=first)
        np.add(first, gradient, out=first)
        np.multiply(second, decays[1], out=second)
        np.square(gradient, out=gradient)
        np.add(second, gradient, out=second)
        np.sqrt(second, out=gradient)
        np.add(gradient, damping, out=gradient)
        return np.divide(first, gradient, out=gradient)

    def _direction(self, state: list[Floats], scratch: Floats) -> Floats:
        first, second = state
        root = np.sqrt(second, out=scratch[: second.size].reshape(second.shape))
        root += np.float32(EPSILON)
        return np.divide(first, root, out=root)


class RmsProp(Optimizer):
    """Tieleman and Hinton (2012): v ← 0.9 v + 0.1 g²; w ← w - rate g / (√v + ε)."""

    decays = (0.9,)
    drift_ratio = 0.0

    def _advance(
        self, gradient: Floats, state: list[Floats], decays: Decays, damping: np.float32, scratch: Floats
    ) -> Floats:
        average = state[0]
        square = np.square(gradient, out=scratch[: gradient.size].reshape(gradient.shape))
        square *= np.float32(1 - self.decays[0])
        average *= decays[0]
        average += square
        np.sqrt(average, out=square)
        square += damping
        return np.divide(gradient, square, out=gradient)


def create(settings: OptimizerSettings, shape: tuple[int, int]) -> Optimizer:
    """Return the optimizer for one parameter block of `shape`."""
    if settings.name == "sgd":
        return Sgd(shape, settings.momentum)
    if settings.name == "rmsprop":
        return RmsProp(shape)
    return Adam(shape, settings.beta_1, settings.beta_2)
