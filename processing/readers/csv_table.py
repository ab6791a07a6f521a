"""A CSV file as a table, plain or gzipped, read a block at a time by a schema.

Source of the format: RFC 4180, in UTF-8, with or without a byte order mark, any line ends; fields in quotes
may hold commas, quotes and newlines.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from processing.container import InputError
from processing.readers.csv_file import records
from processing.readers.csv_lines import Layout, LineBlock, Lines, are_plain, line_rows
from processing.readers.file_kind import FIRST_BYTES, GZIP, check_text
from processing.readers.table import Block, CellBlock, block_rows
from processing.schema import Schema, listed, nearest

SUFFIXES = (".csv", ".csv.gz")


class CsvTable:
    """The rows of a file whose columns a schema names; excluded columns are read over.

    optional: columns that the file may lack, such as the target of rows that are yet to be predicted.
    """

    def __init__(self, path: Path, schema: Schema, *, optional: frozenset[str] = frozenset()) -> None:
        self.source = str(path)
        self._path, self._schema, self._optional = path, schema, optional

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in order; InputError names line, column and value of what is wrong."""
        with opened(self._path) as file:
            lines = Lines(file)
            layout = Layout.of(self._names(lines), self._schema)
            size, first = line_rows(layout.columns), 0
            while taken := lines.take(size):
                if are_plain(taken, layout.columns):
                    numbers = range(lines.number - len(taken) + 1, lines.number + 1)
                    yield LineBlock(first, f"{self.source} line", numbers, taken, layout)
                    first += len(taken)
                    continue
                lines.give_back(taken)
                while lines.again:
                    block = self._block(lines, layout, first)
                    if len(block):
                        yield block
                    first += len(block)
            if not first:
                raise InputError(f"{self.source}: no rows of data in the file; give some")

    def count(self) -> int:
        """Return the number of rows."""
        return sum(map(len, self.blocks()))

    def _block(self, lines: Lines, layout: Layout, first: int) -> Block:
        """Read a block of the records that begin in the lines given back."""
        rows, most = [], block_rows(layout.columns)
        for line, cells in records(lines, self._path):
            if len(cells) != layout.columns:
                raise InputError(
                    f"{self.source} line {line}: {len(cells)} values where there are {layout.columns} "
                    "columns; correct the line"
                )
            rows.append((line, cells))
            if len(rows) == most or not lines.again:
                break
        # Where all lines were blank there is no row, but every column.
        columns = list(zip(*(cells for _, cells in rows), strict=True)) or [()] * layout.columns
        numbers = [line for line, _ in rows]
        kept = {name: columns[place] for name, place in layout.places.items()}
        return CellBlock(first, f"{self.source} line", numbers, kept)

    def _names(self, lines: Lines) -> list[str]:
        expected = list(self._schema.types)
        if not self._schema.header:
            return [name for name in expected if name not in self._optional]
        first = next(records(lines, self._path), None)
        if first is None:
            raise InputError(f"{self.source}: the file is empty; its first line must name the columns")
        names = [name.strip() for name in first[1]]
        times = Counter(names)
        missing = [n for n in expected if n not in times and n not in self._optional]
        for name in names:
            if times[name] > 1:
                raise InputError(f"{self.source}: the column {name!r} is there twice; rename one")
            if name not in self._schema.types and name not in self._optional:
                raise InputError(
                    f"{self.source}: the schema has no attribute {name!r}; add it there, and to "
                    f"excludedAttributeNames if no model is to learn from it{nearest(name, missing)}"
                )
        if missing:
            raise InputError(
                f"{self.source}: no column {missing[0]!r}, which the schema names; the file has "
                f"{listed(names)}"
            )
        return names


def header_of(path: Path) -> list[str]:
    """Return the cells of a file's first record; InputError for an empty file."""
    with opened(path) as file:
        first = next(records(Lines(file), path), None)
    if first is None:
        raise InputError(f"{path}: the file is empty; its first line must name the columns")
    return [name.strip() for name in first[1]]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a CSV file, gzipped or not; InputError for one that is missing, of another kind, or cut."""
    try:
        with path.open("rb") as raw:
            zipped = raw.peek(len(GZIP)).startswith(GZIP)
            binary = cast("io.BufferedReader", gzip.GzipFile(fileobj=raw)) if zipped else raw
            check_text(path, binary.peek(FIRST_BYTES), unpacked=zipped)
            yield io.TextIOWrapper(binary, encoding="utf-8-sig", newline="", errors="surrogateescape")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; put the CSV file there") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: the gzip file is damaged: {error}; take it from its source again"
        ) from error
