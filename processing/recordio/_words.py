"""Four bytes from any offset of a buffer, for many offsets at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Word = npt.NDArray[np.uint32]


class Words:
    """The words (uint32, little-endian) that begin at every offset of a buffer; behind its end all is zero.

    numpy reads single numbers that are not aligned one by one, and moves bytes at the pace of words. So the
    buffer is copied four times, shifted by 0 to 3 bytes: every offset is aligned in one of the copies, and
    rows of different lengths are read in as few steps as one.
    """

    def __init__(self, buffer: Bytes) -> None:
        self._each = len(buffer) // 4 + 1
        shifted = np.empty((4, 4 * self._each), np.uint8)
        for shift in range(4):
            part = buffer[shift:]
            shifted[shift, : len(part)] = part
            shifted[shift, len(part) :] = 0
        self._words: Word = shifted.view("<u4").reshape(-1)

    def at(self, offsets: Counts) -> Word:
        """Read the word at each offset, of which the last allowed is the buffer's end."""
        return self._words.take(self._indices(offsets))

    def runs(self, offsets: Counts, counts: Counts) -> Word:
        """Read so many words from each offset on, all of them end to end."""
        behind = np.cumsum(counts)
        indices = np.arange(int(behind[-1]) if len(behind) else 0)
        indices += np.repeat(self._indices(offsets) - behind + counts, counts)
        return self._words.take(indices)

    def _indices(self, offsets: Counts) -> Counts:
        return (offsets & 3) * self._each + (offsets >> 2)
