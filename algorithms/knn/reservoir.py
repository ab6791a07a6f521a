"""A uniform sample, without replacement, of a stream of unknown length."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.errors import CustomerError

Rows = npt.NDArray[np.float32]

GROWTH = 1.25
MEMORY_SHARE = 0.5
"""Of the memory, for the sample: the index holds its rows once more."""


class Reservoir:
    """Keeps `size` rows with their labels (Vitter's algorithm R, a batch at a time).

    The i-th row (from 0) beyond the first `size` takes the place of a random kept row with probability
    size / (i + 1). The same stream in the same batches gives the same sample. Memory: the kept rows, dense,
    and at most a quarter more (the buffer grows in place, since `size` may be far above the number of rows).
    """

    def __init__(self, size: int, dimension: int, seed: int) -> None:
        self._size = size
        self._random = np.random.default_rng(seed)
        self._seen = 0
        self._features: Rows = np.empty((0, dimension), dtype=np.float32)
        self._labels: Rows = np.empty(0, dtype=np.float32)

    def add(self, features: Any, labels: Rows) -> None:
        """Offer rows: features of shape (n, dimension), dense or CSR; labels of shape (n,)."""
        room = min(len(labels), max(0, self._size - self._seen))
        if room:
            self._append(features[:room], labels[:room])
        if len(labels) > room:
            self._replace(features[room:], labels[room:], self._seen + room)
        self._seen += len(labels)

    def take(self) -> tuple[Rows, Rows]:
        """Return the sample, m ≤ size rows: features (m, dimension), C-ordered, and labels (m,)."""
        kept = min(self._seen, self._size)
        self._reserve(kept)
        return self._features, self._labels

    def _append(self, features: Any, labels: Rows) -> None:
        first, last = self._seen, self._seen + len(labels)
        if last > len(self._labels):
            self._reserve(min(self._size, int(last * GROWTH)))
        self._features[first:last] = _dense(features)
        self._labels[first:last] = labels

    def _reserve(self, rows: int) -> None:
        needed, available = 4 * rows * self._features.shape[1], memory_bytes()
        if needed > MEMORY_SHARE * available:
            raise CustomerError(
                f"a dense sample of {rows} records with {self._features.shape[1]} features takes "
                f"{needed / 2**30:.1f} GiB, more than half of the {available / 2**30:.1f} GiB of memory: "
                "lower sample_size"
            )
        # In place: the allocator moves the pages of a large block instead of copying them.
        self._features.resize((rows, self._features.shape[1]), refcheck=False)
        self._labels.resize(rows, refcheck=False)

    def _replace(self, features: Any, labels: Rows, first: int) -> None:
        numbers = np.arange(first, first + len(labels), dtype=np.int64)
        slots = self._random.integers(0, numbers, endpoint=True)
        rows = np.flatnonzero(slots < self._size)
        # Where two rows of the batch draw one slot, the later stays, as if they had come one by one.
        kept, last = np.unique(slots[rows][::-1], return_index=True)
        rows = rows[::-1][last]
        self._features[kept] = _dense(features[rows])
        self._labels[kept] = labels[rows]


def memory_bytes() -> int:
    """Return how much memory the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _dense(features: Any) -> Rows:
    rows: Rows = features if isinstance(features, np.ndarray) else features.toarray()
    return rows
