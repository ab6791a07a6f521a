"""Base-128 varints, many at a time: seven bits a byte, lowest first, the high bit set on all but the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from processing.recordio._words import Bytes, Counts, Word, Words

Unsigned = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]

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
    ends = ends_in(encoded)
    if len(encoded) and (not len(ends) or ends[-1] != len(encoded)):
        return None
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    values = decode_at(encoded, starts, ends)
    return None if values is None else (values, ends)


def ends_in(encoded: Bytes) -> Counts:
    """Find the offset behind every byte that ends a varint."""
    ends: Counts = np.flatnonzero(encoded < 0x80)
    ends += 1
    return ends


def decode_at(encoded: Bytes, starts: Counts, ends: Counts) -> Unsigned | None:
    """Decode the varints between these offsets; None where one is too wide."""
    values = first_in(Words(encoded).at(starts))
    return _decode_wide(encoded, starts, ends) if values is None else values[0]


def first_in(words: Word) -> tuple[Word, Word] | None:
    """Decode the varint that each word begins with → (values, bytes taken); None where one takes over four.

    Works on all words in place, a handful of passes whatever the widths.
    """
    ending = ~words
    ending &= 0x80808080
    if not ending.all():
        return None
    # All bits up to the lowest that ends a varint: 0xFF, 0xFFFF, 0xFFFFFF or 0xFFFFFFFF.
    ending ^= ending - 1
    words &= ending
    words &= 0x7F7F7F7F
    # Bytes into pairs, a + 256 b → a + 128 b; then pairs into one, a + 65,536 b → a + 16,384 b.
    words -= (words & 0x7F007F00) >> 1
    words -= (words >> 16) * ((1 << 16) - (1 << 14))
    ending &= 0x01010101
    ending *= 0x01010101
    ending >>= 24
    return words, ending


def _decode_wide(encoded: Bytes, starts: Counts, ends: Counts) -> Unsigned | None:
    """Decode varints of any width, a byte of all of them at a time."""
    width = ends - starts
    widest = int(width.max())
    if widest > MAX_WIDTH:
        return None
    if widest == MAX_WIDTH and bool((encoded[ends[width == MAX_WIDTH] - 1] > 1).any()):
        return None
    narrow = width.astype(np.uint8)
    values = (encoded[starts] & 0x7F).astype(np.uint64)
    for j in range(1, widest):
        # Beyond the last byte there is nothing to take, nor is it taken: the value there is narrower.
        part = encoded.take(starts + j, mode="clip")
        part &= 0x7F
        part *= narrow > j
        values |= part.astype(np.uint64) << np.uint64(7 * j)
    return values
