"""The batches of one window as they came, before they are shuffled."""

from __future__ import annotations

import numpy as np

from algorithms.base import Batch, Features
from algorithms.scratch import Scratch, is_mapped
from algorithms.sparse_windows import Laid

MEMORY_BYTES = 4 * 2**20
"""What of a dense window is in memory: all of one up to this size, else so much at a time."""


class Pieces:
    """Batches of one window as they came. last: whether the channel ends with them.

    Dense batches that own more than `MEMORY_BYTES` of memory together are laid into scratch files; sparse
    ones always, where `sparse` has them all.
    """

    def __init__(self, window_bytes: int) -> None:
        self.batches: list[Batch] = []
        self.size, self.rows, self.last = 0, 0, False
        self.sparse: Laid | None = None
        self._window_bytes = window_bytes
        self._owned = self._laid_down = 0
        self._features, self._labels = Scratch(), Scratch()

    def add(self, batch: Batch) -> None:
        """Take up a batch."""
        self.size += nbytes(batch.features)
        self.rows += len(batch)
        if not isinstance(batch.features, np.ndarray):
            if self.sparse is None:
                self.sparse = Laid(max(batch.features.nnz, self._window_bytes // 8))
            batch = Batch(self.sparse.append(batch.features), batch.labels)
        self.batches.append(batch)
        if isinstance(batch.features, np.ndarray) and not is_mapped(batch.features):
            self._owned += nbytes(batch.features)
            if self._owned > MEMORY_BYTES:
                for place in range(self._laid_down, len(self.batches)):
                    self.batches[place] = self._lay_down(self.batches[place])
                self._laid_down = len(self.batches)

    def _lay_down(self, batch: Batch) -> Batch:
        if not isinstance(batch.features, np.ndarray) or is_mapped(batch.features):
            return batch
        assert batch.labels is not None
        return Batch(self._features.append(batch.features), self._labels.append(batch.labels[:, None])[:, 0])


def nbytes(features: Features) -> int:
    """Return what rows take, or would where they are mapped: sparse ones 8 bytes a non-zero and 4 a row."""
    if isinstance(features, np.ndarray):
        return int(features.shape[0] * features.shape[1] * 4)
    return 8 * int(features.nnz) + 4 * int(features.shape[0])
