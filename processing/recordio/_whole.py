"""All chunks of a source as one, without holding them beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from processing.recordio._batches import Arrays, empty, join

FEWEST = 5
"""Bytes that a sparse number takes in a record at least: four for its value, one for its key."""

Number = TypeVar("Number", bound=np.generic)


class _Pile(Generic[Number]):
    """Numbers that arrive a part at a time. Room that is never filled takes no memory."""

    def __init__(self, dtype: np.dtype[Number], room: int) -> None:
        self._numbers: npt.NDArray[Number] = np.empty(room, dtype)
        self._filled = 0

    def add(self, part: npt.NDArray[Any]) -> None:
        """Put them behind the others."""
        behind = self._filled + len(part)
        if behind > len(self._numbers):
            more = np.empty(2 * behind, self._numbers.dtype)
            more[: self._filled] = self.all()
            self._numbers = more
        self._numbers[self._filled : behind] = part
        self._filled = behind

    def all(self) -> npt.NDArray[Number]:
        """Give those that arrived."""
        return self._numbers[: self._filled]


def join_all(chunks: Iterator[Arrays], size: int) -> Arrays:
    """Put chunks of one form one after another.

    size: bytes of the source, 0 where not known. Dense chunks are views of what was read, and are kept until
    the last one came; sparse ones are copied while they are in the cache, and let go.
    """
    first = next(chunks, None)
    if first is None:
        return empty()
    if first.kind == "dense":
        return join([first, *chunks])
    matrix: Any = first.features
    values, keys = _Pile(matrix.data.dtype, size // FEWEST), _Pile(matrix.indices.dtype, size // FEWEST)
    behind = _Pile(np.dtype(np.int64), 0)
    labels = _Pile(np.dtype(np.float32), 0)
    behind.add(np.zeros(1, np.int64))
    for chunk in chain([first], chunks):
        matrix = chunk.features
        behind.add(behind.all()[-1] + matrix.indptr[1:])
        values.add(matrix.data)
        keys.add(matrix.indices)
        if chunk.labels is not None:
            labels.add(chunk.labels)
    shape = (len(behind.all()) - 1, first.width)
    joined = csr_matrix((values.all(), keys.all(), behind.all()), shape=shape)
    return Arrays(joined, None if first.labels is None else labels.all())
