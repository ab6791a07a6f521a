"""Lines of CSV that need no CSV reader: without quotes a line is a record and each comma ends a cell.

Their numbers are parsed a block at a time and without an object for each; their text is looked for in the
columns that are asked for it. Where a cell is no number, all are read one by one, which names the culprit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, islice, repeat
from typing import TextIO

import numpy as np
import numpy.typing as npt

from processing.readers.plain_numbers import parse
from processing.readers.table import Block, Doubles, are_float32
from processing.schema import NUMERIC, Schema

_SPLIT_ALL = 3
"""From so many columns of text on, lines are split into all their cells at once."""

_LINE_CELLS, _LEAST_LINES = 32 * 1024, 16
"""Cells of lines in one block, and lines where these are wide.

Text of 256 KiB and as many bytes of numbers stay in the second-level cache; a quarter of that takes 5 % more
time at 256 columns and 15 % at 64, as a block has a cost of its own.
"""

_ENDS = "\r\n"


def line_rows(columns: int) -> int:
    """Return how many lines of so many cells make a block."""
    return max(_LINE_CELLS // columns, _LEAST_LINES)


class Lines:
    """A file's lines, with their ends, which can be given back; `number` of them have been taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._returned: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line."""
        line = self._returned.pop() if self._returned else next(self._file)
        self.number += 1
        return line

    @property
    def again(self) -> bool:
        """Whether the next line was given back."""
        return bool(self._returned)

    def take(self, count: int) -> list[str]:
        """Return so many new lines, or all that there are; those given back must have been taken again."""
        assert not self._returned, "lines that were given back come first"
        taken = list(islice(self._file, count))
        self.number += len(taken)
        return taken

    def give_back(self, taken: Sequence[str]) -> None:
        """Let the lines last taken come again."""
        self._returned += reversed(taken)
        self.number -= len(taken)


@dataclass(frozen=True)
class Layout:
    """Where columns stand.

    columns: cells of a line. places: column → its cell. numbers: the columns of numbers, as the lines have
    them. number_places: the cells of those. numeric: a column of numbers → its place among them.
    """

    columns: int
    places: Mapping[str, int]
    numbers: Sequence[str]
    number_places: Sequence[int]
    numeric: Mapping[str, int]

    @classmethod
    def of(cls, names: Sequence[str], schema: Schema) -> Layout:
        """Return the layout of a file with these columns; what the schema excludes is read over."""
        excluded = set(schema.excluded)
        places = {name: place for place, name in enumerate(names) if name not in excluded}
        numbers = [name for name in places if schema.types.get(name) == NUMERIC]
        numeric = {name: place for place, name in enumerate(numbers)}
        return cls(len(names), places, numbers, [places[name] for name in numbers], numeric)


def are_plain(lines: Sequence[str], columns: int) -> bool:
    """Whether each line is a record of so many cells by itself, of ASCII and without quotes."""
    text = "".join(lines)
    if not text.isascii() or '"' in text or "\0" in text:
        return False
    if columns == 1 and not all(map(str.strip, lines)):  # a blank line, which is no record
        return False
    commas = list(map(str.count, lines, repeat(",")))
    return commas.count(columns - 1) == len(lines)


class LineBlock(Block):
    """Rows that are plain lines. Numbers are parsed once, all columns of them together."""

    def __init__(
        self, first: int, source: str, numbers: Sequence[int], lines: Sequence[str], layout: Layout
    ) -> None:
        super().__init__(first, source, numbers)
        self._lines, self._layout = lines, layout

    def cells(self, column: str) -> Sequence[str]:
        """See `Block.cells`."""
        layout = self._layout
        place, after = layout.places[column], layout.columns - layout.places[column]
        if len(layout.places) - len(layout.numeric) >= _SPLIT_ALL:
            return self._split[place]
        if place < after:
            found = [line.split(",", place + 1)[place] for line in self._lines]
        else:
            found = [line.rsplit(",", after)[-after] for line in self._lines]
        return [cell.rstrip(_ENDS) for cell in found] if after == 1 else found

    def select(self, wanted: npt.NDArray[np.bool_]) -> Block:
        """See `Block.select`."""
        if wanted.all():
            return self
        chosen = wanted.tolist()
        numbers, lines = list(compress(self.numbers, chosen)), list(compress(self._lines, chosen))
        return LineBlock(self.first, self.source, numbers, lines, self._layout)

    def values(self, column: str) -> Doubles:
        """See `Block.values`."""
        place = self._layout.numeric.get(column)
        if place is None or self._parsed is None:
            return super().values(column)
        return self._parsed[:, place]

    def table(self, columns: Sequence[str]) -> Doubles:
        """See `Block.table`."""
        layout = self._layout
        if self._parsed is not None:
            if columns == layout.numbers:  # as a rule: to look up each would cost few wide rows dear
                return self._parsed
            if all(map(layout.numeric.__contains__, columns)):
                return self._parsed[:, [layout.numeric[column] for column in columns]]
        return super().table(columns)

    @cached_property
    def _parsed(self) -> Doubles | None:
        """All numeric columns, shape (rows, columns); None where a cell is no number, or not a finite one."""
        layout = self._layout
        values = parse(self._lines, layout.columns, layout.number_places)
        return values if values is not None and are_float32(values) else None

    @cached_property
    def _split(self) -> list[tuple[str, ...]]:
        rows = [line.rstrip(_ENDS).split(",") for line in self._lines]
        return list(zip(*rows, strict=True)) or [()] * self._layout.columns
