"""Sparse records, decoded together: all records of a chunk are read in lock-step, one field at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from processing.recordio._batches import Arrays
from processing.recordio._form import DTYPES, hole_numbers, to_float32
from processing.recordio._frames import HEADER, Frames
from processing.recordio._layout import Layout
from processing.recordio._ragged import gather, windows
from processing.recordio._template import Template
from processing.recordio._varints import MAX_WIDTH, Bytes, Counts, decode, read_at

NAME = b"\x0a\x06values\x12"
"""The key of a map entry, and the tag of its value."""

VALUES, KEYS, SHAPE = 0x0A, 0x12, 0x1A
"""Tags of a tensor's packed fields."""


class _Mismatch(Exception):  # noqa: N818 - never leaves this module
    """Some record is not laid out like the first."""


class _Cursor:
    """One position in each record, moving through all of them at once.

    at: int64 (n,), positions in `buffer`. end: where the records' features end, once that is known.
    """

    def __init__(self, buffer: Bytes, at: Counts, end: Counts) -> None:
        self.buffer, self.at, self.end = buffer, at, end

    def literal(self, expected: bytes) -> None:
        """Pass over these bytes, which every record has here."""
        found = windows(self.buffer, len(expected))[self.at]
        if not (found == np.frombuffer(expected, np.uint8)).all():
            raise _Mismatch
        self.at = self.at + len(expected)

    def length(self) -> Counts:
        """Pass over a length; what has it must end no later than what is around it."""
        lengths, self.at = read_at(self.buffer, self.at)
        if ((lengths < 0) | (self.at + lengths > self.end)).any():
            raise _Mismatch
        return lengths

    def to_end(self, tag: bytes) -> None:
        """Pass over a tag and a length that reaches exactly to the end."""
        self.literal(tag)
        lengths = self.length()
        if (self.at + lengths != self.end).any():
            raise _Mismatch

    def packed(self, tag: int) -> tuple[Counts, Counts]:
        """Pass over a packed field → (start, length); the length is 0 in records that leave it out."""
        here = (self.at < self.end) & (self.buffer[self.at] == tag)
        if here.all():
            self.at = self.at + 1
            lengths = self.length()
        else:
            present = np.flatnonzero(here)
            part = _Cursor(self.buffer, self.at[present] + 1, self.end[present])
            lengths = np.zeros_like(self.at)
            lengths[present] = part.length()
            self.at = self.at.copy()
            self.at[present] = part.at
        start = self.at
        self.at = start + lengths
        return start, lengths


def decode_sparse(frames: Frames, first: Layout) -> Arrays | None:
    """Decode records that have the first's kind of values, its shape and a label as it has; else None."""
    if first.tensor not in DTYPES or first.shape is None:
        return None
    try:
        return _decode(frames, first)
    except _Mismatch:
        return None


def _decode(frames: Frames, first: Layout) -> Arrays:
    data = frames.buffer[: frames.end]
    # Beyond the last frame a cursor may look ahead by a varint or the longest literal.
    buffer = np.concatenate([data, np.zeros(2 * MAX_WIDTH, np.uint8)])
    payload = frames.starts + HEADER
    cursor = _Cursor(buffer, payload, payload + frames.lengths)
    cursor.literal(b"\x0a")
    cursor.end = _features_end(cursor)
    cursor.to_end(NAME)
    cursor.to_end(bytes([first.tensor << 3 | 2]))
    value_start, value_bytes = cursor.packed(VALUES)
    key_start, key_bytes = cursor.packed(KEYS)
    width = _shape(cursor, frames, first)
    if (cursor.at != cursor.end).any():
        raise _Mismatch
    dtype = np.dtype(DTYPES[first.tensor])
    counts, odd = np.divmod(value_bytes, dtype.itemsize)
    if odd.any():
        raise _Mismatch
    values = to_float32(gather(data, value_start, value_bytes).view(dtype))
    keys = _keys(gather(data, key_start, key_bytes), counts, key_bytes, width)
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    matrix = csr_matrix((values, keys, indptr), shape=(len(counts), width))
    return Arrays(matrix, _labels(frames, first, cursor.at))


def _features_end(cursor: _Cursor) -> Counts:
    lengths = cursor.length()
    return cursor.at + lengths


def _shape(cursor: _Cursor, frames: Frames, first: Layout) -> int:
    """Pass over the shape, which all records share → columns."""
    if first.shape is None:
        raise _Mismatch
    payload = frames.payload(0)
    encoded = payload[first.shape[0] : first.shape[1]]
    cursor.literal(bytes([SHAPE, len(encoded)]) + encoded)
    decoded = decode(np.frombuffer(encoded, np.uint8))
    if decoded is None or len(decoded[0]) != 1 or int(decoded[0][0]) > np.iinfo(np.int64).max:
        raise _Mismatch
    return int(decoded[0][0])


def _keys(encoded: Bytes, counts: Counts, key_bytes: Counts, width: int) -> npt.NDArray[np.signedinteger]:
    """Decode the column numbers: as many in each record as it has values, all below the width."""
    decoded = decode(encoded)
    if decoded is None:
        raise _Mismatch
    keys, ends = decoded
    last = np.cumsum(counts)
    filled = counts > 0
    if (
        len(keys) != last[-1]
        or (key_bytes[~filled] > 0).any()
        or (ends[last[filled] - 1] != np.cumsum(key_bytes)[filled]).any()
        or (len(keys) and int(keys.max()) >= width)
    ):
        raise _Mismatch
    return keys.astype(np.int32 if width <= np.iinfo(np.int32).max else np.int64)


def _labels(frames: Frames, first: Layout, behind: Counts) -> npt.NDArray[np.float32] | None:
    """Read what follows the features: the same bytes in all records, but for the label's value."""
    tail = int(frames.lengths[0]) - first.behind
    if (frames.starts + HEADER + frames.lengths - behind != tail).any():
        raise _Mismatch
    if first.label is None or first.label_tensor is None:
        return None
    block = windows(frames.buffer, tail)[behind]
    hole = slice(first.label[0] - first.behind, first.label[1] - first.behind)
    if hole.start < 0 or not Template(block[0], [hole]).fits(block):
        raise _Mismatch
    labels = hole_numbers(block, hole, first.label_tensor)
    if labels is None or labels.shape[1] != 1:
        raise _Mismatch
    return np.ascontiguousarray(labels[:, 0])
