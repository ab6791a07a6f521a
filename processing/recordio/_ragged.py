"""Rows of different lengths, copied together into a buffer, without a loop over rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.recordio._words import Bytes, Counts


def windows(buffer: Bytes, width: int) -> Bytes:
    """View every run of `width` bytes in the buffer: (len(buffer) - width + 1, width), written through."""
    return np.lib.stride_tricks.as_strided(buffer, (len(buffer) - width + 1, width), (1, 1))


def scatter(buffer: Bytes, starts: Counts, lengths: Counts, data: Bytes) -> None:
    """Put the bytes of all rows, given end to end, at their starts: ascending, and none within another."""
    width = _same(lengths)
    if width is not None:
        windows(buffer, width)[starts] = data.reshape(-1, width)
        return
    mask = _mask(starts, lengths)
    buffer[: len(mask)][mask] = data


def _same(lengths: Counts) -> int | None:
    """Return the length that all rows have (at least one byte), or None: such rows are copied as they are."""
    first = int(lengths[0])
    return first if first and (lengths == first).all() else None


def _mask(starts: Counts, lengths: Counts) -> npt.NDArray[np.bool_]:
    """Mark which bytes belong to rows. A mask is cheaper than an index: one byte where that has eight."""
    runs = np.empty((len(starts), 2), np.int64)
    runs[:, 1] = lengths
    runs[0, 0] = starts[0]
    runs[1:, 0] = starts[1:] - starts[:-1] - lengths[:-1]
    return np.repeat(np.tile([False, True], len(starts)), runs.ravel())
