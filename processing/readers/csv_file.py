"""A CSV file with a header: some columns are numbers, one is the name of a class.

Source of the format: RFC 4180, in UTF-8, with or without a byte order mark, any line ends.
"""

from __future__ import annotations

import array
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from processing.container import InputError
from processing.readers import RawTable
from processing.readers.csv_lines import Lines
from processing.readers.file_kind import FIRST_BYTES, check_text
from processing.readers.table import FLOAT32_OVERFLOW, shown
from processing.splits import Split

CELL_CHARACTERS = 16 * 1024 * 1024
"""The longest cell; Python's own limit of 131,072 is less than a long text has."""


@dataclass(frozen=True)
class Columns:
    """Which columns are the features and the label, and the class names in the order of their index."""

    label: str
    classes: Sequence[str]
    features: Sequence[str] | None = None
    """None: every column but the label."""


def read_csv(path: Path, columns: Columns) -> RawTable:
    """Read the table, every cell checked; InputError names line, column and value of the first wrong one."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; put the CSV file there")
    with path.open("rb") as raw:
        check_text(path, raw.read(FIRST_BYTES))
    with path.open(encoding="utf-8-sig", newline="", errors="surrogateescape") as file:
        lines = records(Lines(file), path)
        first = next(lines, None)
        if first is None:
            raise InputError(f"{path}: the file is empty; the first line must name the columns")
        names = [name.strip() for name in first[1]]
        features = _feature_names(path, names, columns)
        return _table(path, lines, names, features, columns)


def records(lines: Lines, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number (from 1, of a record's end) and cells of every record that is not blank."""
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(lines, strict=True)
    while True:
        begun = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _problem(str(error), begun, lines.number)
            raise InputError(f"{path} line {begun}: not CSV: {problem}") from error
        line = lines.number
        if not "".join(cells).isascii():
            for cell in cells:
                _check_encoding(cell, path, line)
        if cells:
            yield line, cells


def _problem(said: str, begun: int, reached: int) -> str:
    """Return what is wrong with the record that begins in line `begun`; the reader saw it in `reached`."""
    if said == "unexpected end of data":
        return "a quote that is opened in the record of this line is not closed; close it"
    if said.startswith("field larger"):
        return f"a cell of more than {CELL_CHARACTERS} characters, as where a quote is not closed; correct it"
    where = f", in line {reached} of the record that begins here" if reached > begun else ""
    return f"{said}{where}; correct the line"


def _check_encoding(cell: str, path: Path, line: int) -> None:
    for character in cell:
        if "\udc80" <= character <= "\udcff":
            raise InputError(
                f"{path} line {line}: the byte 0x{ord(character) - 0xDC00:02x} is not UTF-8; "
                "save the file as UTF-8"
            )


def _feature_names(path: Path, names: list[str], columns: Columns) -> list[str]:
    features = list(columns.features) if columns.features else [n for n in names if n != columns.label]
    for name in [columns.label, *features]:
        if not name:
            raise InputError(
                f"{path}: column {names.index(name) + 1} has no name; name it, or list the features"
            )
        if names.count(name) == 0:
            raise InputError(
                f"{path}: no column {name!r} among {', '.join(names)}; add it, or name another one"
            )
        if names.count(name) > 1:
            raise InputError(
                f"{path}: the column {name!r} is there {names.count(name)} times; rename all but one"
            )
    if not features or columns.label in features:
        raise InputError(
            f"{path}: the features must be one column or more, and none of them {columns.label!r}"
        )
    return features


def _table(
    path: Path,
    lines: Iterator[tuple[int, list[str]]],
    names: list[str],
    features: list[str],
    columns: Columns,
) -> RawTable:
    positions = [names.index(name) for name in features]
    label_position = names.index(columns.label)
    indices = {name: index for index, name in enumerate(columns.classes)}
    values, labels = array.array("d"), array.array("q")
    for line, cells in lines:
        if len(cells) != len(names):
            raise InputError(
                f"{path} line {line}: {len(cells)} values where the header names {len(names)} columns; "
                "correct the line"
            )
        values.extend(_number(cells[position], path, line, names[position]) for position in positions)
        label = cells[label_position].strip()
        if label not in indices:
            raise InputError(
                f"{path} line {line} column {columns.label}: {shown(label)} is not one of "
                f"{', '.join(columns.classes)}; "
                "correct it, or list it with --classes"
            )
        labels.append(indices[label])
    if not labels:
        raise InputError(f"{path}: no rows below the header; give data")
    table = np.frombuffer(values, dtype=np.float64).reshape(len(labels), len(features))
    return RawTable(Split(table, np.frombuffer(labels, dtype=np.int64)), features, [path])


def _number(cell: str, path: Path, line: int, column: str) -> float:
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        value = None
    if value is None:
        raise InputError(f"{path} line {line} column {column}: {shown(cell)} is not a number; correct it")
    if not math.isfinite(value) or abs(value) >= FLOAT32_OVERFLOW:
        raise InputError(
            f"{path} line {line} column {column}: {shown(cell)} is not a finite float32 number; "
            "remove the row or fill the value in"
        )
    return value
