"""Rows of different lengths, copied together into or out of a buffer, without a loop over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from processing.recordio._words import Bytes, Counts

PIECE = 128
"""Bytes that `gather` copies at a time. Each piece costs about 9 ns, up to 128 bytes much the same: numpy
calls memcpy for it once to read and once to write."""

Voids = np.ndarray[Any, np.dtype[np.void]]


def windows(buffer: Bytes, width: int) -> Voids:
    """View every run of `width` bytes in the buffer as one element: (len(buffer) - width + 1,).

    Indexing with offsets copies a run for each, twice as fast as rows of a view with two dimensions.
    """
    return np.ndarray((len(buffer) - width + 1,), f"V{width}", buffer, 0, (1,))


def block(buffer: Bytes, starts: Counts, width: int) -> Bytes:
    """Copy as many bytes from every start: uint8 (n, width)."""
    return windows(buffer, width)[starts].view(np.uint8).reshape(len(starts), width)


def gather(buffer: Bytes, starts: Counts, lengths: Counts, out: Bytes) -> None:
    """Copy the rows' bytes, in the order given, end to end.

    Behind the last row's start the buffer must go on for its length in whole pieces. out: all that, and a
    piece more, which is overwritten.
    """
    to = np.cumsum(lengths) - lengths
    pieces = lengths + (PIECE - 1) >> PIECE.bit_length() - 1
    if len(pieces) and int(pieces.max()) > 1:
        first = np.cumsum(pieces) - pieces
        within = np.arange(int(pieces.sum())) - np.repeat(first, pieces)
        within *= PIECE
        starts = np.repeat(starts, pieces) + within
        to = np.repeat(to, pieces) + within
    # A piece that ends beyond its row writes into the next ones, whose own come later: the last one stays.
    windows(out, PIECE)[to] = windows(buffer, PIECE)[starts]


def scatter(buffer: Bytes, starts: Counts, lengths: Counts, data: Bytes) -> None:
    """Put the bytes of all rows, given end to end, at their starts: ascending, and none within another."""
    width = _same(lengths)
    if width is not None:
        windows(buffer, width)[starts] = data.view(f"V{width}")
        return
    mask = _mask(starts, lengths)
    buffer[: len(mask)][mask] = data


def _same(lengths: Counts) -> int | None:
    """Return the length that all rows have (at least one byte), or None: such rows are copied as they are."""
    first = int(lengths[0])
    return first if first and (lengths == first).all() else None


def _mask(starts: Counts, lengths: Counts) -> npt.NDArray[np.bool_]:
    """Mask which bytes belong to rows. A mask is cheaper than an index: one byte where that has eight."""
    runs = np.empty((len(starts), 2), np.int64)
    runs[:, 1] = lengths
    runs[0, 0] = starts[0]
    runs[1:, 0] = starts[1:] - starts[:-1] - lengths[:-1]
    return np.repeat(np.tile([False, True], len(starts)), runs.ravel())
