"""Base-128 varints, many at a time: seven bits a byte, lowest first, the high bit set on all but the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.recordio._words import Bytes, Counts, Word, every_word

Unsigned = np.ndarray[Any, np.dtype[np.unsignedinteger[Any]]]

MAX_WIDTH = 10
"""Bytes of the widest varint: 64 bits at seven a byte."""

NUMBERS = 1 << 15
"""Varints decoded at a time: what stands between, some thirty bytes each, stays in the cache."""


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


def fresh(count: int) -> Word:
    """Give an array for so many words."""
    return np.empty(count, np.uint32)


def decode(encoded: Bytes, space: Callable[[int], Word] = fresh) -> tuple[Unsigned, Counts] | None:
    """Decode varints end to end → (values, offset of each one's last byte); None where one is malformed.

    Malformed is what is cut off, or too wide. space: gives an array for so many values, in which they come to
    lie unless one is too wide for that.
    """
    last: Counts = np.flatnonzero(encoded < 0x80)
    if len(encoded) and (not len(last) or last[-1] != len(encoded) - 1):
        return None
    values = space(len(last))
    at = 0
    for begin in range(0, len(last), NUMBERS):
        part = slice(begin, begin + NUMBERS)
        if not _decode_narrow(encoded[at:], last[part] - at, values[part]):
            wide = _decode_wide(encoded, last)
            return None if wide is None else (wide, last)
        at = int(last[part][-1]) + 1
    return values, last


def _decode_narrow(encoded: Bytes, last: Counts, values: Word) -> bool:
    """Decode the varints with these last bytes into `values`; False where one takes over four bytes."""
    values[0] = int.from_bytes(encoded[:4].tobytes(), "little")
    # The word behind a varint's last byte is the next one's: no offset has to be worked out.
    # Every offset is valid, and "wrap" the mode that spends the least on looking.
    every_word(encoded[1 : int(last[-1]) + 1]).take(last[:-1], out=values[1:], mode="wrap")
    ending = endings(values)
    if ending is None:
        return False
    reduce(values, ending)
    return True


def endings(words: Word) -> Word | None:
    """Mark, by its highest bit, each byte that may end a varint; None where a word has no such byte."""
    ending = ~words
    ending &= 0x80808080
    return None if len(ending) and ending.min() == 0 else ending


def reduce(words: Word, ending: Word) -> None:
    """Turn each word into the varint that it begins with, in place; `ending`, its endings, is used up.

    A handful of passes whatever the widths, each a loop for vector registers over arrays in the cache.
    """
    # All bits below the lowest mark are the varint's; above it, one less has none but marks.
    ending -= 1
    words &= ending
    words &= 0x7F7F7F7F
    # Bytes into pairs, a + 256 b → a + 128 b; then pairs into one, a + 65,536 b → a + 16,384 b.
    upper = ending
    np.bitwise_and(words, 0x7F007F00, out=upper)
    upper >>= 1
    words -= upper
    np.right_shift(words, 16, out=upper)
    upper *= (1 << 16) - (1 << 14)
    words -= upper


def _decode_wide(encoded: Bytes, last: Counts) -> Unsigned | None:
    """Decode varints of any width, a byte of all of them at a time."""
    width = np.diff(last, prepend=-1)
    starts = last - width + 1
    widest = int(width.max())
    if widest > MAX_WIDTH:
        return None
    if widest == MAX_WIDTH and bool((encoded[last[width == MAX_WIDTH]] > 1).any()):
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
