"""Sparse rows of a window: laid into scratch files as they come, then gathered in another order.

CSR of n rows is three arrays: non-zeros and their columns (nonzeros,), and where each row ends (n + 1,). All
lie in scratch files (`algorithms.scratch`), so that what is in memory is the part being worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.scratch import Segment

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

_PART = 2**17
"""Non-zeros gathered and scaled at a time: 1 MiB, which stays in a core's cache between the passes."""


class Laid:
    """Sparse rows in scratch files, one batch after another; room for so many non-zeros."""

    def __init__(self, nonzeros: int) -> None:
        self._data, self._indices = Segment(nonzeros, 1), Segment(nonzeros, 1)
        self._counts: list[Indices] = []
        self._width = 0

    def append(self, rows: csr_matrix) -> csr_matrix:
        """Write rows, at least as wide as those before; return them as they lie here."""
        data = self._data.append(np.ascontiguousarray(rows.data, np.float32)[:, None])
        indices = _laid(np.ascontiguousarray(rows.indices, np.int32), self._indices)
        self._counts.append(np.diff(rows.indptr).astype(np.int32))
        self._width = rows.shape[1]
        return _csr(rows, data[:, 0], indices, rows.indptr)

    def whole(self) -> csr_matrix:
        """Return all rows as one matrix as wide as the widest."""
        from scipy.sparse import csr_matrix

        count = sum(map(len, self._counts))
        indptr = np.zeros(count + 1, np.int32)
        np.cumsum(np.concatenate(self._counts), out=indptr[1:])
        return _csr(
            csr_matrix((count, self._width), dtype=np.float32),
            self._data.written[:, 0],
            self._indices.written[:, 0].view(np.int32),
            _laid(indptr, Segment(len(indptr), 1)),
        )


def gathered(
    rows: csr_matrix, order: npt.NDArray[np.int32], scale: Callable[[csr_matrix], csr_matrix] | None
) -> csr_matrix:
    """Return `rows[order]`, scaled, in scratch files. A zero that is stored is as absent as one that is not.

    scale: rows in → rows out, at least as wide as those before; it may take time for the width, too, which
    the parts are then in proportion to.
    """
    ends = np.cumsum(np.diff(rows.indptr)[order], dtype=np.int64)
    step = max(_PART, rows.shape[1])
    cuts = np.searchsorted(ends, np.arange(step, rows.nnz, step))
    laid = Laid(rows.nnz)
    for start, stop in pairwise(np.unique([0, *cuts, len(order)]).tolist()):
        part = rows[order[start:stop]]
        if not part.data.all():
            part.eliminate_zeros()
        laid.append(part if scale is None else scale(part))
    return laid.whole()


def labels_in_scratch(labels: Floats) -> Floats:
    """Return the same labels in a scratch file."""
    return Segment(len(labels), 1).append(labels[:, None])[:, 0]


class Slices:
    """Rows of one matrix as views.

    Indexing, and every constructor, check the arrays and copy them: 20 µs for 200 rows of ten non-zeros.
    Copying an empty matrix and giving it other arrays takes 3.
    """

    def __init__(self, rows: csr_matrix) -> None:
        self._rows = rows
        self._like = rows[:0]

    def of(self, start: int, stop: int) -> csr_matrix:
        """Return rows start … stop - 1."""
        rows = self._rows
        shape = (stop - start, rows.shape[1])
        if self._like.shape != shape:
            self._like = type(rows)(shape, dtype=rows.dtype)
        low, high = rows.indptr[start], rows.indptr[stop]
        indptr = rows.indptr[start : stop + 1] - low
        return _csr(self._like, rows.data[low:high], rows.indices[low:high], indptr)


def _csr(like: csr_matrix, data: Floats, indices: Indices, indptr: Indices) -> csr_matrix:
    """Return a matrix of the shape of `like` with these arrays, neither checked nor copied."""
    rows = copy(like)
    rows.data, rows.indices, rows.indptr = data, indices, indptr
    return rows


def _laid(numbers: Indices, segment: Segment) -> Indices:
    """Write 32-bit integers, bit by bit, where floats are kept."""
    return segment.append(numbers.view(np.float32)[:, None])[:, 0].view(np.int32)
