"""Rows of different lengths → records: sparse ones, and those whose numbers are varints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from processing.recordio._frames import HEADER, MAGIC
from processing.recordio._numbers import Kind, fixed, varints
from processing.recordio._ragged import scatter, windows
from processing.recordio._template import check_length
from processing.recordio._varints import Unsigned, compact, encode, encode_one, widths
from processing.recordio._words import Bytes, Counts

NUMBERS = 1 << 18
"""Numbers encoded at a time: their positions, eight bytes each, stay in the cache."""

NAME = b"\x0a\x06values\x12"
"""The key of a map entry, and the tag of its value."""


class Field(NamedTuple):
    """A packed field in every row. tag: its number and wire type. data: all rows' bytes, end to end.

    lengths: int64 (n,), bytes of each row; a row of none leaves the field out.
    """

    tag: int
    data: Bytes
    lengths: Counts


class Rows(NamedTuple):
    """What is to be written, row by row: (n,) rows, the numbers of all rows end to end.

    values: numbers (nnz,) of kind `kind`. indptr: int64 (n + 1,), where each row's numbers begin.
    keys: column numbers (nnz,), or None where dense. width: columns, written as the shape where sparse.
    labels: (n,) of kind `label_kind`, or None.
    """

    values: npt.NDArray[Any]
    kind: Kind
    indptr: Counts
    keys: npt.NDArray[Any] | None
    width: int
    labels: npt.NDArray[Any] | None
    label_kind: Kind | None


def encode_rows(rows: Rows) -> Iterator[memoryview]:
    """Yield the records, a few hundred thousand numbers at a time."""
    count = len(rows.indptr) - 1
    # An empty row costs about as much as ten numbers.
    cost = rows.indptr + 10 * np.arange(count + 1)
    start = 0
    while start < count:
        stop = max(start + 1, int(np.searchsorted(cost, cost[start] + NUMBERS, "right")) - 1)
        yield _records(rows, start, stop).data
        start = stop


def _records(rows: Rows, start: int, stop: int) -> Bytes:
    """Encode the records of rows `start` to `stop`."""
    part = slice(int(rows.indptr[start]), int(rows.indptr[stop]))
    indptr = rows.indptr[start : stop + 1] - rows.indptr[start]
    tensor = [_field(0x0A, rows.values[part], rows.kind, indptr, "values")]
    if rows.keys is not None:
        encoded, ends = encode(compact(rows.keys[part]))
        tensor.append(Field(0x12, encoded, _between(ends, indptr)))
        tensor.append(_constant(0x1A, encode_one(rows.width), stop - start))
    label = None
    if rows.labels is not None and rows.label_kind is not None:
        one_each = np.arange(stop - start + 1)
        label = _field(0x0A, rows.labels[start:stop], rows.label_kind, one_each, "labels")
    return _Page(rows.kind, tensor, rows.label_kind, label).filled()


def _field(tag: int, values: npt.NDArray[Any], kind: Kind, indptr: Counts, what: str) -> Field:
    if kind.dtype:
        data = np.ascontiguousarray(fixed(values, kind, what)).view(np.uint8)
        return Field(tag, data, np.diff(indptr) * kind.itemsize)
    encoded, ends = varints(values, what)
    return Field(tag, encoded, _between(ends, indptr))


def _constant(tag: int, data: bytes, rows: int) -> Field:
    lengths = np.full(rows, len(data), np.int64)
    return Field(tag, np.tile(np.frombuffer(data, np.uint8), rows), lengths)


def _between(ends: Counts, indptr: Counts) -> Counts:
    """Work out the bytes of each row, from the offset behind each of its varints."""
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    return np.diff(offsets[indptr])


def _nested(lengths: Counts) -> Counts:
    """Work out the bytes of a field around so many bytes: tag, length, and they."""
    return 1 + widths(compact(lengths)) + lengths


class _Page:
    """The frames of some rows. Lengths are worked out from the inside out, then bytes are put in order.

    out: uint8, the frames end to end. at: int64 (n,), where the next byte of each row goes.
    """

    def __init__(self, kind: Kind, tensor: list[Field], label_kind: Kind | None, label: Field | None) -> None:
        self.kind, self.tensor, self.label_kind, self.label = kind, tensor, label_kind, label
        self.features = _Entry(tensor)
        self.labels = _Entry([label]) if label is not None else None
        self.lengths = self.features.total + (self.labels.total if self.labels else 0)
        check_length(int(self.lengths.max()))
        frames = HEADER + (self.lengths + 3 & ~3)
        ends = np.cumsum(frames)
        self.out = np.zeros(int(ends[-1]), np.uint8)
        self.at: Counts = ends - frames

    def filled(self) -> Bytes:
        """Fill the frames."""
        words = self.out.view("<u4")
        words[self.at >> 2] = MAGIC
        words[(self.at >> 2) + 1] = self.lengths
        self.at = self.at + HEADER
        self._entry(0x0A, self.features, self.kind)
        if self.labels is not None and self.label_kind is not None:
            self._entry(0x12, self.labels, self.label_kind)
        return self.out

    def _entry(self, tag: int, entry: _Entry, kind: Kind) -> None:
        self._literal(bytes([tag]))
        self._length(entry.entry)
        self._literal(NAME)
        self._length(entry.value)
        self._literal(bytes([kind.tag]))
        self._length(entry.tensor)
        for field in entry.fields:
            self._packed(field)

    def _literal(self, data: bytes) -> None:
        windows(self.out, len(data))[self.at] = np.frombuffer(data, f"V{len(data)}")
        self.at = self.at + len(data)

    def _length(self, lengths: Counts) -> None:
        self.at = self._varint(self.at, compact(lengths))

    def _varint(self, at: Counts, values: Unsigned) -> Counts:
        """Put a varint at each position → the positions behind."""
        width = widths(values)
        for j in range(int(width.max())):
            byte = (values >> values.dtype.type(7 * j)).astype(np.uint8) & 0x7F | (width > j + 1).view(
                np.uint8
            ) << 7
            if j == 0:
                self.out[at] = byte
            else:
                wide = np.flatnonzero(width > j)
                self.out[at[wide] + j] = byte[wide]
        return at + width

    def _packed(self, field: Field) -> None:
        """Put a packed field into the rows that have any of it."""
        rows = np.flatnonzero(field.lengths)
        if not len(rows):
            return
        at, lengths = self.at[rows], field.lengths[rows]
        self.out[at] = field.tag
        start = self._varint(at + 1, compact(lengths))
        scatter(self.out, start, lengths, field.data)
        self.at[rows] = start + lengths


class _Entry:
    """Lengths of a map entry and of what it holds, a row each.

    tensor, value, entry: bytes inside each of them. total: bytes of the entry with its tag and length.
    """

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.tensor = np.zeros_like(fields[0].lengths)
        for field in fields:
            self.tensor += np.where(field.lengths > 0, _nested(field.lengths), 0)
        self.value = _nested(self.tensor)
        self.entry = len(NAME) - 1 + _nested(self.value)
        self.total = _nested(self.entry)
