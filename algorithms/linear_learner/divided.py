"""Training in lock-step by several processes, each with some of the features.

A mini-batch's scores are the sum of what the features of each process contribute, so that is all that goes
from one core to the other: rows times columns of floats. Weights, moments and gradients of a feature stay
where they are, the optimizer's passes are shared as the products are, and only the loss is computed by all.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch
from algorithms.linear_learner.lockstep import LockStep
from algorithms.linear_learner.parameters import table_shape
from algorithms.ranks import Ranks, shared_zeros

Doubles = npt.NDArray[np.float64]


class Divided:
    """Divides the features of `block` among processes, forked here; `block` has all weights after each epoch.

    rows: of the largest mini-batch. Raises OSError as `Ranks.fork` does.
    """

    def __init__(self, block: LockStep, ranks: Ranks, processes: int, rows: int) -> None:
        features, width = block.weights.shape
        bounds = [features * rank // processes for rank in range(processes + 1)]
        self._tables = [
            (slice(start, stop), shared_zeros(table_shape(stop - start, width)))
            for start, stop in pairwise(bounds)
        ]
        self._block, self._ranks = block, ranks
        ranks.fork(processes, max(4 * rows * width, 8 * width))
        self._part = block.part(*self._tables[ranks.rank], ranks)

    def epoch(self, batches: Iterable[Batch]) -> tuple[Doubles, int]:
        """Do what `LockStep.epoch` does."""
        found = self._part.epoch(batches)
        self._ranks.wait()
        self._block.take_over(self._part, self._tables)
        self._ranks.wait()  # before anybody's weights move on
        return found
