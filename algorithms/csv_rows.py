"""Numbers in CSV: no header, no quotes, one row a line, the same number of columns in each.

numpy's own parser does the work without an object per number; only text that it refuses is looked at again,
slowly, to name the row, the column and the value.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]

BLOCK_BYTES = 1 << 20
"""How much text is parsed at a time: a CSV channel of any size needs some eight times this in memory."""

MAX_LINE_BYTES = 256 << 20
"""A line longer than this is not CSV (a wrong content type, most likely)."""


class CsvError(ValueError):
    """Text that is not a table of numbers. The message names row (from 1), column (from 1) and value."""


def parse_rows(text: bytes, *, first_row: int = 1) -> Rows:
    """Parse CSV text into float32, shape (rows, columns). Blank lines do not count; no text gives (0, 0).

    first_row: the number of the text's first line in its file, for messages. Raises CsvError. Values beyond
    float32 come out as infinity, `nan` as NaN: the caller checks.
    """
    try:
        lines = text.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        row = first_row + text.count(b"\n", 0, error.start)
        raise CsvError(
            f"row {row} holds the byte 0x{text[error.start]:02x}, which is no part of a number"
        ) from None
    if not text.strip():
        return np.empty((0, 0), dtype=np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.loadtxt(lines, delimiter=",", dtype=np.float32, comments=None, ndmin=2)
    except ValueError as error:
        raise CsvError(_first_problem(lines, first_row) or f"near row {first_row}: {error}") from None


def read_blocks(stream: BinaryIO, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Rows]:
    """Parse a stream of any length, a block of whole lines at a time. Raises CsvError."""
    row = 1
    width = 0
    for text in _whole_lines(stream, block_bytes):
        rows = parse_rows(text, first_row=row)
        if len(rows):
            width = width or rows.shape[1]
            if rows.shape[1] != width:
                raise CsvError(f"row {row} has {rows.shape[1]} columns, but the rows above have {width}")
            yield rows
        row += text.count(b"\n")


def _whole_lines(stream: BinaryIO, block_bytes: int) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(block_bytes):
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
        if len(rest) > MAX_LINE_BYTES:
            raise CsvError(f"a line is longer than {MAX_LINE_BYTES} bytes: is this text/csv?")
    if rest:
        yield rest


def _first_problem(lines: list[str], first_row: int) -> str | None:
    width = 0
    for row, line in enumerate(lines, first_row):
        fields = line.rstrip("\r").split(",")
        if fields == [""]:
            continue
        for column, value in enumerate(fields, 1):
            if not _is_number(value):
                return (
                    f"row {row}, column {column} is {_shown(value)}, not a number{_cure(row, column, fields)}"
                )
        width = width or len(fields)
        if len(fields) != width:
            return f"row {row} has {len(fields)} columns, but the rows above have {width}"
    return None


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "…")


def _cure(row: int, column: int, fields: list[str]) -> str:
    bare = fields[column - 1].strip().strip("\"'")
    if not bare:
        return " (a missing value: give every column a number)"
    if _is_number(bare):
        return " (write numbers without quotes)"
    if row == 1 and not any(_is_number(value) for value in fields):
        return " (text/csv channels have no header row: remove it)"
    return ""
