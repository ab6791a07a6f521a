"""The rows of the weights that a sparse mini-batch touches, in time proportional to its non-zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Rows = npt.NDArray[np.intp]


class Touched:
    """Finds distinct column indices without sorting them.

    Every non-zero writes its own number at its column; the one that is found there afterwards is the
    column's last. Sorting (np.unique) takes five times as long for 20,000 non-zeros.
    """

    def __init__(self) -> None:
        self._number = np.zeros(0, np.int32)

    def of(self, features: csr_matrix) -> tuple[Rows, csr_matrix]:
        """Return the distinct columns (touched,) and the rows over them alone, (n, touched)."""
        if len(self._number) < features.shape[1]:
            self._number = np.zeros(features.shape[1], np.int32)
        indices, own = features.indices, np.arange(features.nnz, dtype=np.int32)
        self._number[indices] = own
        rows = indices[self._number[indices] == own]
        self._number[rows] = np.arange(len(rows), dtype=np.int32)
        compact = type(features)(
            (features.data, self._number[indices], features.indptr), shape=(features.shape[0], len(rows))
        )
        return rows.astype(np.intp), compact
