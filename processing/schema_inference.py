"""Processing job: the schema of a CSV file that has none, from its names and values.

    python -m processing.schema_inference [--target NAME] [--row-id NAME] [--no-header]

Reads the one CSV file in `input/raw/` and writes `output/schema/schema.json`. All rows are looked at. A
column is BINARY where its values are a pair such as 0 and 1 or yes and no, NUMERIC where all are numbers,
TEXT where most have several words, else CATEGORICAL; `pixel0`, `pixel1`, … stay NUMERIC, and the target is
CATEGORICAL or BINARY. Without `--target` it is the column `label`, `target` or `class`, if there is one.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from processing.container import Arguments, InputError, run, visible_files, warn, write_json
from processing.raw_data import sort_out
from processing.readers.csv_table import SUFFIXES, CsvTable, header_of
from processing.schema import (
    BINARY,
    BINARY_WORDS,
    CATEGORICAL,
    NUMERIC,
    TEXT,
    Schema,
    listed,
    nearest,
)

FILE_NAME = "schema.json"
TARGETS = ("label", "target", "class")

_PAIRS = ({"0", "1"}, {"n", "y"}, {"no", "yes"}, {"f", "t"}, {"false", "true"})
_PIXEL = re.compile(r"pixel[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")


class Column:
    """What is known of a column's values so far."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.numbers = True
        self.rows = self.long = 0

    def add(self, cells: Sequence[str]) -> None:
        """Take in values; most columns have few different ones, each of which is looked at once a block."""
        distinct = {cell.strip() for cell in cells}
        if len(self.words) <= len(BINARY_WORDS):
            self.words.update(cell.lower() for cell in distinct)
        if self.numbers:
            self.numbers = all(map(_NUMBER.fullmatch, distinct))
        if not self.numbers:
            self.long += sum(len(cell.split()) > 1 for cell in cells)
        self.rows += len(cells)

    def kind(self, name: str) -> str:
        """Return the attribute's type."""
        if self.words in _PAIRS and not _PIXEL.fullmatch(name):
            return BINARY
        if self.numbers:
            return NUMERIC
        return TEXT if self.long * 2 > self.rows else CATEGORICAL


def infer(arguments: Sequence[str], processing: Path) -> None:
    """Write the schema of the file in `processing/input/raw`."""
    parser = Arguments(prog="schema_inference", description="A CSV file's schema.", allow_abbrev=False)
    parser.add_argument("--target")
    parser.add_argument("--row-id")
    parser.add_argument("--no-header", action="store_true")
    options = parser.parse_args(arguments)
    path = sort_out(visible_files(processing / "input" / "raw", "the CSV file")).only(*SUFFIXES)
    names = header_of(path)
    if options.no_header:
        names = [f"Var{number:0{len(str(len(names)))}d}" for number in range(1, len(names) + 1)]
    if not all(names):
        raise InputError(f"{path}: column {names.index('') + 1} has no name; name it, or use --no-header")
    target = options.target or next((name for name in TARGETS if name in names), None)
    for role, name in (("--target", options.target), ("--row-id", options.row_id)):
        if name is not None and name not in names:
            raise InputError(f"{path}: {role} {name!r} is no column{nearest(name, names)}: {listed(names)}")
    schema = Schema(dict.fromkeys(names, TEXT), target, options.row_id, header=not options.no_header)
    write_json(processing / "output" / "schema" / FILE_NAME, _typed(path, schema).as_json())
    if target is None:
        warn("no column is the target: this is a schema for batch predictions; --target NAME names one")


def _typed(path: Path, untyped: Schema) -> Schema:
    columns = {name: Column() for name in untyped.types}
    for block in CsvTable(path, untyped).blocks():
        for name, column in columns.items():
            column.add(block.cells(name))
    types = {name: column.kind(name) for name, column in columns.items()}
    for apart in (untyped.target, untyped.row_id):
        if apart is not None and types[apart] != BINARY:
            types[apart] = CATEGORICAL
    return Schema(types, untyped.target, untyped.row_id, header=untyped.header)


if __name__ == "__main__":
    # Rows are millions of lists and no cycles: looking for these would take half of the time.
    gc.disable()
    sys.exit(run(infer))
