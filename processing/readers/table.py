"""Tables as they are read: a block of rows at a time, every cell still the text of the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Protocol

import numpy as np
import numpy.typing as npt

from processing.container import InputError

Doubles = npt.NDArray[np.float64]

BLOCK_CELLS = 8 * 1024
"""Cells in one block of a narrow table: half a MiB as Python's text, which stays in the second-level cache.

Measured on 800,000 rows of 5 columns: 2.2 s, and the same for the first and the last rows; with 64 times as
many cells 2.5 to 3.3 s.
"""
BLOCK_ROWS, MOST_CELLS = 64, 512 * 1024
"""A block of a wide table has more cells, since each of its columns has a cost of its own; but not more than
some 32 MiB of text."""

FLOAT32_OVERFLOW = (2 - 2**-24) * 2.0**127
"""The smallest number that rounds to infinity in float32."""


class Block(ABC):
    """Consecutive rows.

    Attributes:
        first: the first row's number, from 0.
        source: with `numbers`, where each row stands, for messages: `x.csv line` and 7.
        numbers: one a row.

    """

    def __init__(self, first: int, source: str, numbers: Sequence[int]) -> None:
        self.first, self.source, self.numbers = first, source, numbers

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    @abstractmethod
    def cells(self, column: str) -> Sequence[str]:
        """Return a column's text."""

    @abstractmethod
    def select(self, wanted: npt.NDArray[np.bool_]) -> Block:
        """Return the rows where `wanted`, of shape (rows,), is true; `first` is that of this block."""

    def values(self, column: str) -> Doubles:
        """Return a column as finite float32 numbers, in float64; InputError names the first other cell."""
        return _parsed(self, column)

    def table(self, columns: Sequence[str]) -> Doubles:
        """Return the same of several columns, shape (rows, columns)."""
        found = np.empty((len(self), len(columns)))
        for place, column in enumerate(columns):
            found[:, place] = self.values(column)
        return found

    def refuse(self, row: int, column: str, problem: str) -> InputError:
        """Return the error for one cell of this block, with its place and value."""
        cell = shown(self.cells(column)[row])
        return InputError(f"{self.source} {self.numbers[row]} column {column}: {cell} {problem}")


class CellBlock(Block):
    """Rows as the text of their cells. columns: attribute → its cells."""

    def __init__(
        self, first: int, source: str, numbers: Sequence[int], columns: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(first, source, numbers)
        self._columns = columns

    def cells(self, column: str) -> Sequence[str]:
        """See `Block.cells`."""
        return self._columns[column]

    def select(self, wanted: npt.NDArray[np.bool_]) -> Block:
        """See `Block.select`."""
        if wanted.all():
            return self
        chosen = wanted.tolist()
        columns = {name: list(compress(cells, chosen)) for name, cells in self._columns.items()}
        return CellBlock(self.first, self.source, list(compress(self.numbers, chosen)), columns)


def shown(cell: str) -> str:
    """Return a cell for a message, quoted and not too long."""
    return repr(cell if len(cell) <= 80 else cell[:77] + "...")


def block_rows(columns: int) -> int:
    """Return how many rows of so many columns make a block."""
    return max(1, BLOCK_CELLS // columns, min(BLOCK_ROWS, MOST_CELLS // columns))


class Table(Protocol):
    """Rows that can be read as often as wanted."""

    @property
    def source(self) -> str:
        """What messages call it."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in order; InputError at the first that is malformed."""
        ...


def are_float32(values: Doubles) -> bool:
    """Whether all are numbers, and finite as float32."""
    # Asked of the extremes: a NaN is one, and no array of truths is made.
    return not values.size or bool(values.min() > -FLOAT32_OVERFLOW and values.max() < FLOAT32_OVERFLOW)


def _parsed(block: Block, column: str) -> Doubles:
    cells = block.cells(column)
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([_number(cell) for cell in cells])
    else:
        if "_" in "".join(cells):  # Python reads 1_000 as a number; nobody who writes CSV means one
            values = np.array([_number(cell) for cell in cells])
    if are_float32(values):
        return values
    row = int(np.argmax(~(np.abs(values) < FLOAT32_OVERFLOW)))
    text = cells[row].strip()
    if not text:
        problem = "is empty, but the column is NUMERIC; fill it in or remove the row"
    elif np.isnan(_number(text)) and text.lower().lstrip("+-") != "nan":
        problem = (
            "is not a number, but the column is NUMERIC; correct it, or give the column another type in the "
            "schema (`trainyard schema` writes one)"
        )
    else:
        problem = "is not a finite float32 number; remove the row or fill the value in"
    raise block.refuse(row, column, problem)


def _number(cell: str) -> float:
    try:
        return float(cell) if cell.isascii() and "_" not in cell else np.nan
    except ValueError:
        return np.nan
