"""Rows that are wanted again, on the job's disk rather than in its memory.

Segments are unlinked files in the folder for temporary files (`TMPDIR`): they are gone with the process,
however it ends. Rows are written, not assigned, which costs a fifth of what the first touch of a mapped page
does, and read through a map: while there is memory to spare they stay in the page cache and are as fast as
memory, but they are the kernel's to drop. A full disk is an OSError at the write, not a signal at the access.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SEGMENT_BYTES = 256 * 2**20
"""A segment takes up what was written to it, however long it may become."""
_WRITTEN_BYTES = 2**20
"""Rows that are not C-ordered are copied a part of this size at a time."""


class Segment:
    """One file of float32 rows; its space is free again when the last array that it handed out is gone."""

    def __init__(self, rows: int, width: int) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the segment lives
        weakref.finalize(self, self._file.close)
        self._file.truncate(max(4 * rows * width, 1))
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rows: Floats = np.frombuffer(mapped, np.float32, rows * width).reshape(rows, width)
        self._used = 0

    @property
    def room(self) -> int:
        """How many rows can still be appended."""
        return len(self._rows) - self._used

    @property
    def whole(self) -> Floats:
        """All rows, read-only, shape (rows, width); 0 where nothing was written."""
        return self._rows

    @property
    def written(self) -> Floats:
        """What was appended, read-only, shape (rows, width)."""
        return self._rows[: self._used]

    def append(self, rows: Floats) -> Floats:
        """Write rows, shape (n ≤ room, width), of any strides; return them as they lie here, read-only."""
        start = self._used
        self.put(start, rows)
        self._used += len(rows)
        return self._rows[start : self._used]

    def put(self, start: int, rows: Floats) -> None:
        """Write rows from row `start` on, whatever is there; threads may at different places."""
        width = self._rows.shape[1]
        step = max(1, _WRITTEN_BYTES // (4 * max(1, width)))
        for low in range(0, len(rows) if width else 0, step):
            rest = np.ascontiguousarray(rows[low : low + step]).data.cast("B")
            at = 4 * width * (start + low)
            while rest:
                written = os.pwrite(self._file.fileno(), rest, at)
                at, rest = at + written, rest[written:]


class Scratch:
    """Any number of rows of one width, in segments: each twice as long as the one before, up to a limit."""

    def __init__(self) -> None:
        self._last: Segment | None = None
        self._bytes = 0

    def append(self, rows: Floats) -> Floats:
        """Write rows, shape (n, width), of any strides; return them as they lie here, read-only."""
        if self._last is None or self._last.room < len(rows):
            width = max(1, rows.shape[1])
            wanted = max(len(rows), self._bytes // (4 * width))
            self._last = Segment(wanted, rows.shape[1])
            self._bytes = min(8 * width * wanted, SEGMENT_BYTES)
        return self._last.append(rows)


def laid_down(blocks: Iterable[Floats], multiple: int) -> Iterator[Floats]:
    """Write blocks of rows one after another; yield them as they lie here, read-only.

    Each stretch that is handed out has a multiple of so many rows, but for the last: a reader who wants
    batches of as many has none to put together, however the rows came.
    """
    segment: Segment | None = None
    given = 0
    for block in blocks:
        rest = block
        while len(rest):
            if segment is None or not segment.room:
                width = block.shape[1]
                segment, given = Segment(max(1, SEGMENT_BYTES // (4 * width * multiple)) * multiple, width), 0
            rest = rest[len(segment.append(rest[: segment.room])) :]
            ready = given + (len(segment.written) - given) // multiple * multiple
            if ready > given:
                yield segment.written[given:ready]
                given = ready
    if segment is not None and given < len(segment.written):
        yield segment.written[given:]


def is_mapped(rows: Floats) -> bool:
    """Whether rows lie in a mapped file, and so take no memory that the kernel could not have back."""
    return isinstance(_owner(rows), mmap.mmap)


def follows(first: Floats, second: Floats) -> bool:
    """Whether the rows of `second` come right after those of `first` in one and the same mapped file."""
    if not is_mapped(first) or _owner(first) is not _owner(second) or first.strides != second.strides:
        return False
    end = first.__array_interface__["data"][0] + len(first) * first.strides[0]
    return bool(end == second.__array_interface__["data"][0] and first.shape[1] == second.shape[1])


def _owner(rows: Floats) -> object:
    owner: object = rows
    # Not only arrays have a base: `as_strided` puts an object of its own between two of them.
    while (base := getattr(owner, "base", None)) is not None:
        owner = base
    return owner.obj if isinstance(owner, memoryview) else owner
