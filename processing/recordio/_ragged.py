"""Rows of different lengths, copied together out of a buffer or into one, without a loop over rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.recordio._varints import Bytes, Counts


def windows(buffer: Bytes, width: int) -> Bytes:
    """Every run of `width` bytes in the buffer: a view (len(buffer) - width + 1, width), written through."""
    return np.lib.stride_tricks.as_strided(buffer, (len(buffer) - width + 1, width), (1, 1))


def gather(buffer: Bytes, starts: Counts, lengths: Counts) -> Bytes:
    """The bytes of all rows, end to end. Rows are given in ascending order and do not overlap."""
    mask = _mask(starts, lengths)
    return buffer[: len(mask)][mask]


def scatter(buffer: Bytes, starts: Counts, lengths: Counts, data: Bytes) -> None:
    """Put the bytes of all rows, given end to end, at their starts."""
    mask = _mask(starts, lengths)
    buffer[: len(mask)][mask] = data


def _mask(starts: Counts, lengths: Counts) -> npt.NDArray[np.bool_]:
    """Which bytes belong to rows. A boolean mask is cheaper than an index: one byte where that has eight."""
    runs = np.empty((len(starts), 2), np.int64)
    runs[:, 1] = lengths
    runs[0, 0] = starts[0]
    runs[1:, 0] = starts[1:] - starts[:-1] - lengths[:-1]
    return np.repeat(np.tile([False, True], len(starts)), runs.ravel())
