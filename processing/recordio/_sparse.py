"""Sparse records, decoded together: all records of a chunk are read in lock-step, one field at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from processing.recordio._batches import Arrays
from processing.recordio._form import DTYPES, hole_numbers, to_float32
from processing.recordio._frames import HEADER, Frames
from processing.recordio._layout import Layout
from processing.recordio._varints import decode, decode_at, ends_in, first_in
from processing.recordio._words import Bytes, Counts, Word, Words

NAME = b"\x0a\x06values\x12"
"""The key of a map entry, and the tag of its value."""

VALUES, KEYS, SHAPE = 0x0A, 0x12, 0x1A
"""Tags of a tensor's packed fields."""

LARGEST = 8 << 20
"""Bytes of the largest chunk that is decoded together, which takes some ten times its size for a moment. A
larger one holds a record or two that are larger than chunks are: reading them one by one costs no time."""

UNENDING = np.array([0, 0x80808000, 0x80800000, 0x80000000], np.uint32)
"""What fills a row's last word up, by how many of its bytes are the row's: bytes that end no varint."""


class _Mismatch(Exception):  # noqa: N818 - never leaves this module
    """Some record is not laid out like the first."""


class _Cursor:
    """One position in each record, moving through all of them at once.

    at: int64 (n,), positions in the buffer. end: where the records' features end, once that is known.
    """

    def __init__(self, words: Words, at: Counts, end: Counts) -> None:
        self.words, self.at, self.end = words, at, end

    def literal(self, expected: bytes) -> None:
        """Pass over these bytes, which every record has here."""
        for start in range(0, len(expected), 4):
            part = expected[start : start + 4]
            found = self.words.at(self.at + start)
            if len(part) < 4:
                found &= (1 << 8 * len(part)) - 1
            if (found != int.from_bytes(part, "little")).any():
                raise _Mismatch
        self.at = self.at + len(expected)

    def length(self) -> Counts:
        """Pass over a length; what has it must end no later than what is around it."""
        read = first_in(self.words.at(self.at))
        if read is None:
            raise _Mismatch
        lengths = read[0].astype(np.int64)
        self.at = self.at + read[1]
        if (self.at + lengths > self.end).any():
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
        here = (self.at < self.end) & (self.words.at(self.at) & 0xFF == tag)
        if here.all():
            self.at = self.at + 1
            lengths = self.length()
        else:
            present = np.flatnonzero(here)
            part = _Cursor(self.words, self.at[present] + 1, self.end[present])
            lengths = np.zeros_like(self.at)
            lengths[present] = part.length()
            self.at = self.at.copy()
            self.at[present] = part.at
        start = self.at
        self.at = start + lengths
        return start, lengths


def decode_sparse(frames: Frames, first: Layout) -> Arrays | None:
    """Decode records that have the first's kind of values, its shape and a label as it has; else None."""
    if first.tensor not in DTYPES or first.shape is None or frames.end > LARGEST:
        return None
    try:
        return _decode(frames, first)
    except _Mismatch:
        return None


def _decode(frames: Frames, first: Layout) -> Arrays:
    words = Words(frames.buffer[: frames.end])
    payload = frames.starts + HEADER
    cursor = _Cursor(words, payload, payload + frames.lengths)
    cursor.literal(b"\x0a")
    cursor.end = _features_end(cursor)
    cursor.to_end(NAME)
    cursor.to_end(bytes([first.tensor << 3 | 2]))
    value_start, value_bytes = cursor.packed(VALUES)
    key_start, key_bytes = cursor.packed(KEYS)
    width = _shape(cursor, frames, first)
    if (cursor.at != cursor.end).any():
        raise _Mismatch
    labels = _labels(cursor, frames, first)
    dtype = np.dtype(DTYPES[first.tensor])
    counts, odd = np.divmod(value_bytes, dtype.itemsize)
    if odd.any():
        raise _Mismatch
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    keys = _keys(words, key_start, key_bytes, indptr, width)
    values = to_float32(words.runs(value_start, value_bytes >> 2).view(dtype))
    return Arrays(csr_matrix((values, keys, indptr), shape=(len(counts), width)), labels)


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


def _keys(
    words: Words, start: Counts, size: Counts, indptr: Counts, width: int
) -> npt.NDArray[np.signedinteger]:
    """Decode the column numbers: as many in each record as it has values, all below the width.

    start, size: int64 (n,), where the records' keys lie and how many bytes they take.
    """
    rows = np.flatnonzero(np.diff(indptr))
    if size.sum() != size[rows].sum():
        raise _Mismatch
    encoded, begin = _filled_up(words, start[rows], size[rows])
    ends = ends_in(encoded)
    first_key, last_key = indptr[rows], indptr[rows + 1] - 1
    if len(ends) != indptr[-1] or (ends[last_key] != begin + size[rows]).any():
        raise _Mismatch
    starts = np.empty_like(ends)
    starts[1:] = ends[:-1]
    starts[first_key] = begin
    keys = decode_at(encoded, starts, ends)
    if keys is None or (len(keys) and int(keys.max()) >= width):
        raise _Mismatch
    return keys.astype(np.int32 if width <= np.iinfo(np.int32).max else np.int64)


def _filled_up(words: Words, start: Counts, size: Counts) -> tuple[Bytes, Counts]:
    """Put the rows' bytes, at least one each, end to end, each filled up to whole words → (bytes, starts)."""
    counts = size + 3 >> 2
    joined = words.runs(start, counts)
    behind = np.cumsum(counts)
    joined[behind - 1] |= UNENDING[size & 3]
    return joined.view(np.uint8), (behind - counts) * 4


def _labels(cursor: _Cursor, frames: Frames, first: Layout) -> npt.NDArray[np.float32] | None:
    """Read what follows the features: the same bytes in all records, but for the label's value."""
    payload = frames.payload(0)
    if (frames.starts + HEADER + frames.lengths - cursor.at != len(payload) - first.behind).any():
        raise _Mismatch
    if first.label is None or first.label_tensor is None:
        return None
    if first.label[0] < first.behind:
        raise _Mismatch
    cursor.literal(payload[first.behind : first.label[0]])
    block = _block(cursor.words, cursor.at, first.label[1] - first.label[0])
    cursor.at = cursor.at + block.shape[1]
    cursor.literal(payload[first.label[1] :])
    labels = hole_numbers(block, slice(0, block.shape[1]), first.label_tensor)
    if labels is None or labels.shape[1] != 1:
        raise _Mismatch
    return np.ascontiguousarray(labels[:, 0])


def _block(words: Words, start: Counts, width: int) -> Bytes:
    """Read as many bytes from every start: uint8 (n, width)."""
    rows: Word = words.runs(start, np.full(len(start), width + 3 >> 2))
    return rows.view(np.uint8).reshape(len(start), -1)[:, :width]
