"""Arrays of records, and joining and cutting them into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Features = Union["npt.NDArray[np.float32]", csr_matrix]


class Arrays(NamedTuple):
    """Consecutive records.

    features: float32 (n, d), dense (rows contiguous, possibly strided) or CSR.
    labels: float32 (n,), possibly strided, or None where the records carry no label.
    """

    features: Features
    labels: npt.NDArray[np.float32] | None

    @property
    def kind(self) -> str:
        """`dense` or `sparse`."""
        return "dense" if isinstance(self.features, np.ndarray) else "sparse"

    @property
    def width(self) -> int:
        """Features a record."""
        return int(self.features.shape[1])

    def rows(self, start: int, stop: int) -> Arrays:
        """Return records `start` to `stop`, as a view."""
        labels = None if self.labels is None else self.labels[start:stop]
        if isinstance(self.features, np.ndarray):
            return Arrays(self.features[start:stop], labels)
        indptr = self.features.indptr[start : stop + 1]
        part = slice(int(indptr[0]), int(indptr[-1]))
        data, indices = self.features.data[part], self.features.indices[part]
        return Arrays(csr(data, indices, indptr - indptr[0], self.width), labels)

    def copied(self) -> Arrays:
        """Return dense records in memory of their own, C-ordered."""
        labels = None if self.labels is None else np.array(self.labels)
        return Arrays(np.array(self.features, order="C"), labels)

    def described(self) -> str:
        """Say what every batch of one stream has in common."""
        return f"{self.kind} records of {self.width} features, {'un' if self.labels is None else ''}labelled"


def empty() -> Arrays:
    """No records: features of shape (0, 0), no labels."""
    return Arrays(np.empty((0, 0), np.float32), None)


def join(pieces: list[Arrays]) -> Arrays:
    """Put one after another; they must agree in kind, width and in having labels, else ValueError."""
    first = pieces[0]
    for piece in pieces[1:]:
        if piece.described() != first.described():
            raise ValueError(
                f"{first.described()} are followed by {piece.described()}: "
                "give all files of a channel the same form"
            )
    # An empty piece has told its form; joining it would only copy the others.
    filled = [piece for piece in pieces if piece.features.shape[0]] or [first]
    if len(filled) == 1:
        return filled[0]
    labels = [piece.labels for piece in filled if piece.labels is not None]
    features = [piece.features for piece in filled]
    joined = np.concatenate(features) if first.kind == "dense" else _stack(features)
    return Arrays(joined, np.concatenate(labels) if labels else None)


def _stack(matrices: list[csr_matrix]) -> csr_matrix:
    """Put CSR matrices of one width one below another; scipy's vstack spends most of its time on checks."""
    counts = np.concatenate([np.diff(matrix.indptr) for matrix in matrices])
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    data = np.concatenate([matrix.data for matrix in matrices])
    indices = np.concatenate([matrix.indices for matrix in matrices])
    return csr(data, indices, indptr, matrices[0].shape[1])


def csr(
    data: npt.NDArray[np.float32], indices: npt.NDArray[Any], indptr: npt.NDArray[Any], width: int
) -> csr_matrix:
    """Make a matrix of arrays that are known to fit together, as they are: scipy looks through them again.

    indices: int32 or int64 (nnz,), below the width. indptr: (n + 1,), ascending. It gets the indices' dtype,
    or both get int64 where there are 2³¹ numbers.
    """
    if len(data) > np.iinfo(np.int32).max:
        indices = indices.astype(np.int64, copy=False)
    matrix = csr_matrix((len(indptr) - 1, width), dtype=np.float32)
    matrix.data, matrix.indices = data, indices
    matrix.indptr = indptr.astype(indices.dtype, copy=False)
    return matrix


def rebatch(chunks: Iterable[Arrays], rows: int) -> Iterator[Arrays]:
    """Yield the same records in batches of exactly `rows`; only the last may be shorter.

    Batches are views where they lie within one chunk. Holds one chunk and one batch at a time.
    Raises ValueError where `rows` is below 1, or where kind, width or labels change between chunks.
    """
    if rows < 1:
        raise ValueError(f"rows is {rows}: a batch has at least one row")
    return _rebatch(chunks, rows)


def _rebatch(chunks: Iterable[Arrays], rows: int) -> Iterator[Arrays]:
    pending: list[Arrays] = []
    waiting = 0
    for chunk in chunks:
        count = int(chunk.features.shape[0])
        at = 0
        while count - at >= rows - waiting:
            taken = rows - waiting
            yield join([*pending, chunk.rows(at, at + taken)])
            at += taken
            # Remembers the form, so that a chunk of another form is noticed even on a batch's edge.
            pending, waiting = [chunk.rows(0, 0)], 0
        if at < count:
            pending.append(chunk.rows(at, count))
            waiting += count - at
    if waiting:
        yield join(pending)
