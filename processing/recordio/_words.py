"""Four bytes from any offset of a buffer, for many offsets at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Word = npt.NDArray[np.uint32]


def every_word(buffer: Bytes) -> Word:
    """Give the word (uint32, little-endian) that begins at every offset; behind the buffer all is zero.

    numpy reads single numbers that are not aligned one by one, and moves bytes at the pace of words. So the
    words are written aligned, four times the buffer's size, from four views of it.
    """
    count = len(buffer)
    words = np.empty((count + 3 >> 2, 4), np.uint32)
    for shift in range(4):
        whole = max(count - shift, 0) >> 2
        words[:whole, shift] = buffer[shift : shift + 4 * whole].view("<u4")
    flat: Word = words.reshape(-1)[:count]
    for at in range(max(count - 3, 0), count):
        flat[at] = int.from_bytes(buffer[at:].tobytes(), "little")
    return flat
