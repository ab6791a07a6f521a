"""SDK v2's two writers, and the same as bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse, spmatrix

from processing.recordio._encode import Fixed, encode_fixed
from processing.recordio._numbers import Kind, kind_of
from processing.recordio._rows import Rows, encode_rows
from processing.recordio._template import entry, frame


def write_numpy_to_dense_tensor(
    file: BinaryIO, array: npt.ArrayLike, labels: npt.ArrayLike | None = None
) -> None:
    """Append one record a row to an open binary file. SDK v2's function, name and bytes.

    array: (n, d) features; labels: (n,) or None. Batch after batch may be written to one file.

    As in v2, float32 is written as a Float32Tensor, float64 as a Float64Tensor, int64 as an Int32Tensor,
    features and labels each by their own dtype. What v2 refused, other integers, bool and float16, is written
    as float32.
    The built-in algorithms take float32 only: cast with `astype("float32")` what they are to read.

    Raises ValueError where the array is not (n, d), where labels are not one a row (v2 took labels as many as
    *columns* too), for a masked array, for other dtypes, for int64 beyond 32 bits, and for an integer that
    float32 would change.
    """
    _write(file, _dense(array, labels))


def write_spmatrix_to_sparse_tensor(
    file: BinaryIO, array: spmatrix, labels: npt.ArrayLike | None = None
) -> None:
    """Append one sparse record a row to an open binary file. SDK v2's function, name and bytes.

    array: any scipy sparse matrix or array (n, d). A record holds its row's values, their columns as keys,
    and d as its shape. Labels, dtypes and errors are those of `write_numpy_to_dense_tensor`, and TypeError
    for what is not sparse.
    """
    _write(file, _sparse(array, labels))


def encode_dense(array: npt.ArrayLike, labels: npt.ArrayLike | None = None) -> bytes:
    """Return what `write_numpy_to_dense_tensor` writes, as bytes."""
    return b"".join(bytes(block) for block in _dense(array, labels))


def encode_sparse(matrix: spmatrix, labels: npt.ArrayLike | None = None) -> bytes:
    """Return what `write_spmatrix_to_sparse_tensor` writes, as bytes."""
    return b"".join(bytes(block) for block in _sparse(matrix, labels))


def _write(file: Any, blocks: Iterable[memoryview]) -> None:
    for block in blocks:
        rest = block
        while len(rest):
            # A raw file may take less than it is given, and some file-like objects do not say how much.
            written = file.write(rest)
            if written is None and isinstance(file, io.RawIOBase):
                raise BlockingIOError("the file is non-blocking and takes no more: open it in blocking mode")
            rest = rest[len(rest) if written is None else written :]


def _dense(array: npt.ArrayLike, labels: npt.ArrayLike | None) -> Iterator[memoryview]:
    if issparse(array):
        raise TypeError("the array is sparse: write it with write_spmatrix_to_sparse_tensor")
    _refuse_mask(array, "array is")
    matrix = np.asarray(array)
    if matrix.ndim != 2:
        raise ValueError(f"the array has shape {matrix.shape}: give it two dimensions, rows and features")
    rows, width = matrix.shape
    kind = kind_of(matrix.dtype, "features")
    column, label_kind = _checked(labels, rows)
    if not rows:
        return iter(())
    if not kind.dtype or (label_kind and not label_kind.dtype):
        indptr = np.arange(rows + 1, dtype=np.int64) * width
        return encode_rows(Rows(matrix.ravel(), kind, indptr, None, width, column, label_kind))
    parts = entry(0x0A, "values", kind.tag, width * kind.itemsize)
    columns = [Fixed(matrix, kind, "features")] if width else []
    if column is not None and label_kind is not None:
        parts += entry(0x12, "values", label_kind.tag, label_kind.itemsize)
        columns.append(Fixed(column[:, None], label_kind, "labels"))
    return encode_fixed(frame(parts), rows, columns)


def _sparse(array: Any, labels: npt.ArrayLike | None) -> Iterator[memoryview]:
    if not issparse(array):
        raise TypeError(
            f"the array is a {type(array).__name__}, not a scipy sparse matrix: use the dense writer"
        )
    if len(array.shape) != 2:
        raise ValueError(f"the array has shape {array.shape}: give it two dimensions, rows and features")
    matrix = array.tocsr()
    kind = kind_of(matrix.dtype, "features")
    column, label_kind = _checked(labels, matrix.shape[0])
    indptr = matrix.indptr.astype(np.int64)
    return encode_rows(Rows(matrix.data, kind, indptr, matrix.indices, matrix.shape[1], column, label_kind))


def _refuse_mask(values: npt.ArrayLike, what: str) -> None:
    """Refuse a masked array: numpy hands out the numbers below the mask, which nobody meant to write."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"the {what} masked: fill it first (array.filled(...))")


def _checked(labels: npt.ArrayLike | None, rows: int) -> tuple[npt.NDArray[Any] | None, Kind | None]:
    """Give labels as a vector with one a row, and how they are written."""
    if labels is None:
        return None, None
    _refuse_mask(labels, "labels are")
    column = np.asarray(labels)
    if column.ndim != 1:
        raise ValueError(
            f"the labels have shape {column.shape}: give one a row, as a vector (labels.ravel())"
        )
    if len(column) != rows:
        raise ValueError(f"there are {len(column)} labels for {rows} rows: give one a row")
    return column, kind_of(column.dtype, "labels")
