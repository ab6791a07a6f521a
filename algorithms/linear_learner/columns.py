"""The columns of sparse rows that occur, numbered in the order of their first occurrence.

Weights and moments are kept for these alone: a one-hot space of millions of columns costs memory for those
that training has seen to be other than 0. The map itself is one int32 a column in memory that the system
hands out page by page, as it is written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.base import Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Indices = npt.NDArray[np.int64]

_PIECE = 2**16
"""Non-zeros looked up at a time: they stay in a cache, and new columns are mostly found in the first."""


class Columns:
    """Columns of a space of `width` → places 0 … count - 1."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._place = np.zeros(width, np.int32)  # + 1; 0: has not occurred
        self._parts: list[Indices] = []
        self.count = 0

    @property
    def occurred(self) -> Indices:
        """The column at each place, (count,)."""
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.int64)

    def learn(self, rows: csr_matrix) -> csr_matrix:
        """Give new columns a place each; return the rows over places, (n, count)."""
        places = np.empty(rows.nnz, np.int32)
        for start in range(0, rows.nnz, _PIECE):
            columns = rows.indices[start : start + _PIECE].astype(np.intp)
            part = self._place.take(columns)
            if not part.all():
                self._give(np.unique(columns[part == 0]))
                part = self._place.take(columns)
            np.subtract(part, 1, out=places[start : start + _PIECE])
        return type(rows)((rows.data, places, rows.indptr), shape=(rows.shape[0], self.count))

    def _give(self, fresh: Indices) -> None:
        self._place[fresh] = np.arange(self.count + 1, self.count + len(fresh) + 1, dtype=np.int32)
        self._parts.append(fresh)
        self.count += len(fresh)

    def known(self, rows: Features) -> Features:
        """Return `rows` over places, without what is in columns that have not occurred."""
        if isinstance(rows, np.ndarray):
            return np.ascontiguousarray(rows[:, self.occurred])
        places = self._place[rows.indices]
        seen = places > 0
        kept = np.concatenate([[0], np.cumsum(seen)]).astype(rows.indptr.dtype)
        return type(rows)(
            (rows.data[seen], places[seen] - 1, kept[rows.indptr]), shape=(rows.shape[0], self.count)
        )
