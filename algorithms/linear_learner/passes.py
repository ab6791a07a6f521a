"""Passes over the training channel: by one process or, where that takes less time, by several."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.divided import Divided
from algorithms.linear_learner.examination import Examination
from algorithms.linear_learner.lockstep import LockStep
from algorithms.logs import MetricLog
from algorithms.mini_batches import MiniBatches
from algorithms.ranks import Ranks, most_processes

Doubles = npt.NDArray[np.float64]

_FEATURES = 192
"""Fewer are not divided. Two processes instead of two BLAS threads take these times as long for an update by
200 rows with 1, 10 and 32 models: 1.13, 1.01 and 1.00 at 64 features, 0.97, 0.84 and 0.85 at 256, 0.77, 0.65
and 0.87 at 784; by 1,000 rows, whose losses weigh more, 1.07, 1.13 and 1.13, then 0.74, 1.00 and 1.02, then
1.03, 0.97 and 0.99."""
_UPDATES = 500
"""Fewer do not win back the 10 ms of the start, at 20 µs or more that each of them saves."""
_MOST = 4
"""Each adds up the scores of all and computes all losses, which would be most of the work of more."""


class Passes:
    """Trains `block` by one pass after the other; it has all weights after each.

    ranks: divided as soon as no process reads a channel any more, since they would take each other's bytes.
    validation: what else is read again and again, if anything. rows: of a mini-batch.
    """

    def __init__(
        self,
        block: LockStep,
        batches: MiniBatches,
        rows: int,
        validation: Examination | None,
        ranks: Ranks,
        log: MetricLog,
    ) -> None:
        self._block, self._batches, self._rows, self._validation = block, batches, rows, validation
        self._ranks, self._log = ranks, log
        self._trained: LockStep | Divided = block
        self._decided = len(block.weights) < _FEATURES  # as sparse rows are before the first pass

    def epoch(self, left: int) -> tuple[Doubles, int]:
        """Do what `LockStep.epoch` does. left: how many passes there are to be, with this one."""
        if not self._decided and self._resident():
            self._decided = True
            self._divide(left)
        return self._trained.epoch(self._batches.epoch())

    def _resident(self) -> bool:
        return self._batches.resident() and (self._validation is None or self._validation.resident())

    def _divide(self, left: int) -> None:
        count = self._batches.count
        rows = min(self._rows, count)
        processes = min(most_processes(), _MOST) if left * -(-count // rows) >= _UPDATES else 1
        if processes == 1:
            return
        try:
            self._trained = Divided(self._block, self._ranks, processes, rows)
        except OSError as error:
            self._log.info(f"Trained in one process, since the system does not give more: {error}")
