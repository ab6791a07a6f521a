"""Base-128 varints, many at a time: seven bits a byte, lowest first, the high bit set on all but the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Unsigned = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]
Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]

MAX_WIDTH = 10
"""Bytes of the widest varint: 64 bits at seven a byte."""


def encode_one(value: int) -> bytes:
    """Encode one unsigned number as a varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def compact(values: npt.NDArray[Any]) -> Unsigned:
    """Give non-negative integers as uint32 where they fit, else as uint64: half the bytes, and time."""
    if values.size == 0 or int(values.max()) < 1 << 32:
        return values.astype(np.uint32, copy=False)
    return values.astype(np.uint64, copy=False)


def widths(values: Unsigned) -> Bytes:
    """Count how many bytes each value takes as a varint (1 to 10)."""
    result = np.ones(values.shape, np.uint8)
    largest = int(values.max()) if values.size else 0
    for bits in range(7, largest.bit_length(), 7):
        result += values >= values.dtype.type(1 << bits)
    return result


def encode(values: Unsigned) -> tuple[Bytes, Counts]:
    """Encode all values as varints end to end, and the offset behind each: (bytes, ends of shape (n,))."""
    width = widths(values)
    ends = np.cumsum(width, dtype=np.int64)
    if not len(values):
        return np.empty(0, np.uint8), ends
    widest = int(width.max())
    starts = ends - width
    encoded = np.empty(int(ends[-1]) + MAX_WIDTH, np.uint8)
    # Byte j of every value goes to its start + j, also where the value is narrower: highest j first,
    # such a stray byte lies where a later value's lower byte is yet to be written. So no value needs a mask.
    for j in range(widest - 1, -1, -1):
        part = (values >> values.dtype.type(7 * j)).astype(np.uint8)
        part &= 0x7F
        part |= (width > j + 1).view(np.uint8) << 7
        encoded[starts + j] = part
    return encoded[: ends[-1]], ends


def decode(encoded: Bytes) -> tuple[Unsigned, Counts] | None:
    """Decode varints end to end → (values, offset behind each); None where one is cut off or too wide."""
    ends = np.flatnonzero(encoded < 0x80)
    if len(encoded) and (not len(ends) or ends[-1] != len(encoded) - 1):
        return None
    ends += 1
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    width = ends - starts
    widest = int(width.max()) if len(width) else 1
    if widest > MAX_WIDTH:
        return None
    if widest == MAX_WIDTH and bool((encoded[ends[width == MAX_WIDTH] - 1] > 1).any()):
        return None
    number: type[np.unsignedinteger[Any]] = np.uint32 if widest < 5 else np.uint64
    narrow = width.astype(np.uint8)
    values = (encoded[starts] & 0x7F).astype(number)
    for j in range(1, widest):
        starts += 1
        # Beyond the last byte there is nothing to take, nor is it taken: the value there is narrower.
        part = encoded.take(starts, mode="clip")
        part &= 0x7F
        part *= narrow > j
        values |= part.astype(number) << number(7 * j)
    return values, ends


def read_at(buffer: Bytes, at: Counts) -> tuple[Counts, Counts]:
    """Read one varint of at most five bytes at each position → (values, positions behind them), both int64.

    `buffer` must reach at least five bytes beyond every position. A wider varint gives a value of -1.
    """
    byte = buffer[at]
    values = (byte & 0x7F).astype(np.int64)
    behind = at + 1
    more = byte >= 0x80
    for j in range(1, 5):
        if not more.any():
            return values, behind
        byte = buffer[at + j]
        values += np.where(more, (byte & 0x7F).astype(np.int64) << (7 * j), 0)
        behind += more
        more &= byte >= 0x80
    values[more] = -1
    return values, behind
