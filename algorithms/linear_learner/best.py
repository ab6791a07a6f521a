"""What is kept of each model while training goes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.lockstep import LockStep

Doubles = npt.NDArray[np.float64]


class Best:
    """Every model at the epoch in which its loss was least.

    The loss and not the criterion decides between a model's own epochs: an accuracy counts a few rows at the
    boundary, and the best of many epochs by so coarse a measure is the luckiest one.
    """

    def __init__(self, block: LockStep) -> None:
        self._block = block
        self._losses = np.full(block.models, np.inf)
        self.weights = np.zeros_like(block.weights)
        self.bias = np.zeros_like(block.bias)

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Return which models ever had a finite loss."""
        return np.asarray(np.isfinite(self._losses))

    @property
    def leader(self) -> int:
        """The model of the least loss."""
        return int(np.argmin(self._losses))

    def take(self, losses: Doubles) -> None:
        """Keep the weights of models whose loss fell."""
        alive = self._block.alive & np.isfinite(losses)
        better = alive & (losses < self._losses)
        self._losses[better] = losses[better]
        columns = np.tile(better, self._block.classes)
        new = len(self._block.weights) - len(self.weights)
        if new:  # of sparse data's columns, some have occurred for the first time: a model kept has 0 there
            self.weights = np.concatenate([self.weights, np.zeros((new, len(columns)), np.float32)])
        self.weights[:, columns] = self._block.weights[:, columns]
        self.bias[columns] = self._block.bias[columns]
