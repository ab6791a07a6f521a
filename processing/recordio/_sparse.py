"""Sparse records, decoded together: the same field of all records of a chunk at once.

A record is `head, values, keys, shape, the rest`. The head follows from its length (`_heads`); shape and rest
are the same bytes in all records, but for the label's value; between them two lengths say where values and
keys lie. These are copied end to end, and the keys decoded as one run of varints.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from processing.recordio._batches import Arrays, csr
from processing.recordio._form import DTYPES, hole_numbers, to_float32
from processing.recordio._frames import Frames
from processing.recordio._heads import Heads, heads
from processing.recordio._layout import Layout
from processing.recordio._pile import Room
from processing.recordio._ragged import PIECE, block, gather
from processing.recordio._varints import decode, endings, fresh, reduce
from processing.recordio._words import Bytes, Counts

VALUES, KEYS, SHAPE = 0x0A, 0x12, 0x1A
"""Tags of a tensor's packed fields."""

LARGEST = (1 << 21) - 1
"""Bytes of the largest record that is decoded with others: its lengths take three bytes at most. Larger ones
are as large as chunks are: reading them one by one costs no time."""


class _Mismatch(Exception):  # noqa: N818 - never leaves this module
    """Some record is not laid out like the first."""


class _Tail(NamedTuple):
    """What ends every record: its bytes, of which the shape takes the first, and the label's span in them."""

    content: bytes
    shape: int
    label: slice | None


def decode_sparse(frames: Frames, first: Layout, room: Room | None) -> Arrays | None:
    """Decode records that have the first's kind of values, its shape and a label as it has; else None.

    room: where float32 values and narrow keys are to lie; None for arrays of their own.
    """
    if first.tensor not in DTYPES or int(frames.lengths.max()) > LARGEST:
        return None
    try:
        return _decode(frames, first, room)
    except _Mismatch:
        return None


def _decode(frames: Frames, first: Layout, room: Room | None) -> Arrays:
    tail = _tail(frames.payload(0), first)
    where = heads(frames, first.tensor, len(tail.content) - tail.shape, tail.shape)
    if where is None:
        raise _Mismatch
    buffer = frames.buffer
    if len(buffer) < frames.end + PIECE:
        buffer = np.concatenate([buffer[: frames.end], np.zeros(PIECE, np.uint8)])
    labels = _labels(block(buffer, where.stop, len(tail.content)), tail, first)
    width = _width(tail.content[2 : tail.shape])
    dtype = np.dtype(DTYPES[first.tensor])
    # A record without numbers leaves out values and keys alike.
    rows = np.flatnonzero(where.start < where.stop)
    filled = len(rows) == len(where.start)
    start, stop = where if filled else Heads(where.start[rows], where.stop[rows])
    value_start, value_bytes = _packed(buffer, start, stop, VALUES)
    key_start, key_bytes = _packed(buffer, value_start + value_bytes, stop, KEYS)
    if (key_start + key_bytes != stop).any() or (value_bytes & dtype.itemsize - 1).any():
        raise _Mismatch
    counts = value_bytes // dtype.itemsize
    if not counts.all():
        raise _Mismatch
    behind, key_behind = np.cumsum(counts), np.cumsum(key_bytes)
    encoded = np.empty(_last(key_behind) + PIECE, np.uint8)
    gather(buffer, key_start, key_bytes, encoded)
    keys = _keys(encoded[:-PIECE], behind, key_behind, width, room)
    values = _values(buffer, value_start, value_bytes, dtype, room)
    indptr = np.zeros(len(where.start) + 1, keys.dtype)
    if filled:
        indptr[1:] = behind
    else:
        indptr[1:][rows] = counts
        np.cumsum(indptr, out=indptr)
    return Arrays(csr(values, keys, indptr, width), labels)


def _last(ends: Counts) -> int:
    return int(ends[-1]) if len(ends) else 0


def _values(
    buffer: Bytes, start: Counts, size: Counts, dtype: np.dtype[Any], room: Room | None
) -> npt.NDArray[np.float32]:
    """Copy the values, so many bytes from each start, end to end."""
    count = int(size.sum()) // dtype.itemsize
    if room is None or dtype != np.float32:
        space: npt.NDArray[Any] = np.empty(count + PIECE, dtype)
    else:
        space = room.values.space(count + PIECE)
    gather(buffer, start, size, space.view(np.uint8))
    return to_float32(space[:count])


def _tail(payload: bytes, first: Layout) -> _Tail:
    """Find the tail of the first record, whose shape ends its features."""
    if first.shape is None or first.shape[1] != first.behind:
        raise _Mismatch
    begin = first.shape[0] - 2
    if payload[begin : begin + 2] != bytes([SHAPE, first.behind - first.shape[0]]):
        raise _Mismatch
    label = None
    if first.label is not None:
        if first.label[0] < first.behind:
            raise _Mismatch
        label = slice(first.label[0] - begin, first.label[1] - begin)
    return _Tail(payload[begin:], first.behind - begin, label)


def _width(encoded: bytes) -> int:
    """Decode the shape, one number → columns."""
    decoded = decode(np.frombuffer(encoded, np.uint8))
    if decoded is None or len(decoded[0]) != 1 or int(decoded[0][0]) > np.iinfo(np.int64).max:
        raise _Mismatch
    return int(decoded[0][0])


def _labels(tails: Bytes, tail: _Tail, first: Layout) -> npt.NDArray[np.float32] | None:
    """Compare the tails (n, bytes), of which the first is the tail given, and read the label's value.

    What was read is overwritten: then every tail must be as the one before it, which is one comparison of
    long arrays, where one with a row would be many of short ones.
    """
    column = None
    if tail.label is not None and first.label_tensor is not None:
        labels = hole_numbers(tails, tail.label, first.label_tensor)
        if labels is None or labels.shape[1] != 1:
            raise _Mismatch
        column = labels[:, 0].copy()
        tails[:, tail.label] = 0
    flat = tails.reshape(-1)
    if (flat[len(tail.content) :] != flat[: -len(tail.content)]).any():
        raise _Mismatch
    return column


def _packed(buffer: Bytes, at: Counts, stop: Counts, tag: int) -> tuple[Counts, Counts]:
    """Pass over the tag and the length of a packed field that ends no later than `stop` → (start, length)."""
    words = block(buffer, at, 4).view("<u4")[:, 0]
    if (words & 0xFF != tag).any():
        raise _Mismatch
    words >>= 8
    # The fourth byte of a length is not in the word: it may not be needed.
    words |= 0x80000000
    ending = endings(words)
    if ending is None:
        raise _Mismatch
    second = words >> 7 & 1
    start = at + (2 + second + (words >> 15 & second))
    reduce(words, ending)
    lengths = words.astype(np.int64)
    if (start + lengths > stop).any():
        raise _Mismatch
    return start, lengths


def _keys(
    encoded: Bytes, behind: Counts, ends: Counts, width: int, room: Room | None
) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    """Decode the column numbers: as many in each record as it has values, all below the width.

    behind, ends: int64 (n,), ascending: how many keys, and how many of their bytes, lie before each record's
    end.
    """
    narrow = width <= np.iinfo(np.int32).max
    space = fresh if room is None or not narrow else lambda count: room.keys.space(count).view(np.uint32)
    decoded = decode(encoded, space)
    if decoded is None:
        raise _Mismatch
    keys, last = decoded
    if len(keys) != _last(behind) or (last[behind - 1] + 1 != ends).any():
        raise _Mismatch
    if len(keys) and int(keys.max()) >= width:
        raise _Mismatch
    return keys.astype(np.uint32, copy=False).view(np.int32) if narrow else keys.astype(np.int64)
