"""All chunks of a source as one, each decoded to where it is to lie."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from processing.recordio._batches import Arrays, csr, empty, join
from processing.recordio._ragged import PIECE

FEWEST = 5
"""Bytes that a sparse number takes in a record at least: four for its value, one for its key."""

Number = TypeVar("Number", bound=np.generic)


class Pile(Generic[Number]):
    """Numbers that arrive a part at a time.

    room: how many of them to expect, at most; what is never filled takes no memory.
    """

    def __init__(self, dtype: type[Number], room: int = 0) -> None:
        self._numbers: npt.NDArray[Number] = np.empty(0, dtype)
        self._room = room
        self._filled = 0

    def space(self, count: int) -> npt.NDArray[Number]:
        """Give the space behind the numbers that arrived; what is put there has not arrived before `add`."""
        behind = self._filled + count
        if behind > len(self._numbers):
            more = np.empty(max(self._room, 2 * behind), self._numbers.dtype)
            more[: self._filled] = self.all()
            self._numbers = more
        return self._numbers[self._filled : behind]

    def add(self, part: npt.NDArray[Any]) -> None:
        """Put them behind the others, or leave them where they are if that is in the space given."""
        space = self.space(len(part))
        if not np.may_share_memory(part, space):
            space[:] = part
        self._filled += len(part)

    def whole(self) -> npt.NDArray[Number]:
        """Give all numbers, and what room they leave back: no part of them may be looked at any more."""
        self._numbers.resize(self._filled, refcheck=False)
        return self._numbers

    def all(self) -> npt.NDArray[Number]:
        """Give those that arrived."""
        return self._numbers[: self._filled]


class Room(NamedTuple):
    """Where the sparse numbers of a source are to lie: float32 values, and keys below 2³¹."""

    values: Pile[np.float32]
    keys: Pile[np.int32]

    @classmethod
    def of(cls, size: int) -> Room:
        """Make room for a source of so many bytes; 0 where that is not known."""
        most = size // FEWEST + PIECE
        return cls(Pile(np.float32, most), Pile(np.int32, most))


def join_all(chunks: Iterator[Arrays], room: Room) -> Arrays:
    """Put chunks of one form one after another; what was decoded into the room stays there.

    Dense chunks are views of what was read, and are kept until the last one came.
    """
    first = next(chunks, None)
    if first is None:
        return empty()
    if first.kind == "dense":
        return join([first, *chunks])
    width, labelled = first.width, first.labels is not None
    keys: Pile[Any] = room.keys if width <= np.iinfo(np.int32).max else Pile(np.int64)
    behind, labels = Pile(np.int64), Pile(np.float32)
    behind.add(np.zeros(1, np.int64))
    for chunk in chain([first], chunks):
        matrix: Any = chunk.features
        behind.add(behind.all()[-1] + matrix.indptr[1:])
        room.values.add(matrix.data)
        keys.add(matrix.indices)
        if chunk.labels is not None:
            labels.add(chunk.labels)
    del first, chunk, matrix  # what lies in the room is to be moved
    joined = csr(room.values.whole(), keys.whole(), behind.whole(), width)
    return Arrays(joined, labels.whole() if labelled else None)
