"""Columns that are as long as the data, on the job's disk rather than in its memory.

A spill is an unlinked file in the folder for temporary files (`TMPDIR`): it is gone with the process, however
that ends. What was written is read through a map: while there is memory to spare it stays in the page cache,
and the kernel may drop it. A full disk is an OSError at the write.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

PART = 2**14
"""Rows of a column worked on at a time: 128 KiB of float64, which stay in the second-level cache."""


class Spill:
    """A column that is appended to, then read as one array.

    dtype: of a row; it may have fields or a shape, such as `np.dtype((np.float64, (10,)))`.
    """

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the spill lives
        weakref.finalize(self, self._file.close)
        self._rows = 0

    def __len__(self) -> int:
        """Rows."""
        return self._rows

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write rows, of shape (n,) and the dtype's own shape."""
        rest = np.ascontiguousarray(rows, dtype=self._dtype.base).view(np.uint8).reshape(-1).data
        while rest:
            rest = rest[self._file.write(rest) :]
        self._rows += len(rows)

    def array(self) -> npt.NDArray[Any]:
        """Return what was written so far, read-only; it stays when the spill goes."""
        if not self._rows:
            return np.empty((0, *self._dtype.shape), dtype=self._dtype.base)
        mapped = mmap.mmap(self._file.fileno(), self._rows * self._dtype.itemsize, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype=self._dtype.base).reshape(self._rows, *self._dtype.shape)


def parts(rows: int, size: int = PART) -> Iterator[slice]:
    """Yield slices that cover so many rows, in order."""
    return (slice(first, min(first + size, rows)) for first in range(0, rows, size))
