"""Lines that need no CSV reader give the rows, and the refusals, that the CSV reader gives."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.container import InputError
from processing.readers import csv_table, plain_numbers
from processing.readers.csv_lines import Layout, LineBlock, Lines, are_plain
from processing.readers.csv_table import CsvTable
from processing.readers.table import Block, CellBlock
from processing.schema import CATEGORICAL, NUMERIC, TEXT, Schema

NUMBERS = ["1", "-2.5", "1e3", "0.1", "-0", "123456789012345678901234567890", "3.4e38", "4.9e-324"]
ODD = [
    "+1",
    ".5",
    "1.",
    "007",
    " 7 ",
    "nan",
    "inf",
    "1e400",
    "1_000",
    "",
    "x",
    "0x10",
    "[1",
    "2]",
    "true",
    "null",
]
PARSERS = [pytest.param(True, id="simdjson"), pytest.param(False, id="numpy")]


def without_simdjson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_numbers, "_parser", None)


def both(rows: Sequence[Sequence[str]], schema: Schema) -> tuple[Block, Block]:
    """The same rows as plain lines and as the CSV reader's cells."""
    names = list(schema.types)
    lines = [",".join(row) + "\r\n" for row in rows]
    assert are_plain(lines, len(names))
    numbers = range(2, 2 + len(rows))
    columns = dict(zip(names, zip(*csv.reader(lines), strict=True), strict=True))
    return (
        LineBlock(0, "x.csv line", numbers, lines, Layout.of(names, schema)),
        CellBlock(0, "x.csv line", numbers, columns),
    )


def outcome(ask: Callable[[Any], Any], what: Any) -> Any:
    try:
        return np.asarray(ask(what)).tolist()
    except InputError as error:
        return str(error)


@settings(max_examples=150)
@given(st.data())
@pytest.mark.parametrize("quick", PARSERS)
def test_plain_lines_are_what_the_csv_reader_makes_of_them(quick: bool, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from([NUMERIC, CATEGORICAL, TEXT]), min_size=1, max_size=6))
    schema = Schema({f"c{place}": kind for place, kind in enumerate(kinds)}, None)
    numeric = [name for name, kind in schema.types.items() if kind == NUMERIC]
    cell = st.sampled_from(NUMBERS if data.draw(st.booleans()) else NUMBERS + ODD)
    row = st.lists(cell, min_size=len(kinds), max_size=len(kinds)).filter(
        lambda row: any(map(str.strip, row))
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            without_simdjson(patch)
        line_block, cell_block = both(rows, schema)
        for one, other in ((line_block, cell_block), (line_block.select(wanted), cell_block.select(wanted))):
            for name in schema.types:
                assert list(one.cells(name)) == list(other.cells(name))
            for name in numeric:
                assert outcome(one.values, name) == outcome(other.values, name)
            for columns in (numeric, numeric[::-1], numeric[1:]):
                assert outcome(one.table, columns) == outcome(other.table, columns)


@pytest.mark.parametrize("quick", PARSERS)
def test_numbers_side_by_side_come_from_one_parse(quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not quick:
        without_simdjson(monkeypatch)
    lines = ["a,1,2,b\n", "c,3,4.5,d\n"]
    found = plain_numbers.parse(lines, 4, [1, 2])
    assert found is not None
    assert found.tolist() == [[1, 2], [3, 4.5]]
    assert plain_numbers.parse(["a,1,[2,3\n", "b,4],5,6\n"], 4, [1, 2, 3]) is None, "no nested array"


@pytest.mark.parametrize("quick", PARSERS)
@pytest.mark.parametrize("line", ["a,\r\n", "a, \n", "a,"])
def test_an_empty_cell_by_itself_is_no_number(
    quick: bool, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not quick:
        without_simdjson(monkeypatch)
    assert plain_numbers.parse([line], 2, [1]) is None


def test_numbers_apart_are_parsed_too() -> None:
    found = plain_numbers.parse(["1,a,2\n", "3,b,4\n"], 3, [0, 2])
    assert found is not None
    assert found.tolist() == [[1, 2], [3, 4]]


def test_lines_given_back_come_again_with_their_numbers() -> None:
    lines = Lines(io.StringIO("a\nb\nc\n"))
    taken = lines.take(2)
    assert (taken, lines.number) == (["a\n", "b\n"], 2)
    lines.give_back(taken)
    assert lines.again
    assert [next(lines), lines.number, next(lines), lines.number] == ["a\n", 1, "b\n", 2]
    assert not lines.again
    assert lines.take(9) == ["c\n"]


@pytest.mark.parametrize(
    "lines",
    [['1,"2"\n'], ["1\n"], ["1,2,3\n"], ["1,2\n", "\n"], ["1,é\n"], ["1,\x00\n"]],
    ids=["quotes", "too few", "too many", "blank", "not ASCII", "NUL"],
)
def test_what_needs_the_csv_reader_is_told(lines: list[str]) -> None:
    assert not are_plain(lines, 2)
    assert are_plain(["1,2\n"], 2)
    assert not are_plain(["1\n", "\n"], 1)
    assert are_plain(["1\n", "2"], 1)


FILE = 'n,t,c\r\n1,plain,a\r\n2,"two\r\nlines, and ""more""",b\r\n\r\n3,plain,a\r\n4,"é",b\r\n5,plain,a'


@pytest.mark.parametrize("records", [1, 2, 8])
@pytest.mark.parametrize("lines", range(1, 8))
def test_blocks_of_both_kinds_follow_each_other(
    lines: int, records: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "line_rows", lambda columns: lines)
    monkeypatch.setattr(csv_table, "block_rows", lambda columns: records)
    path = tmp_path / "x.csv"
    path.write_text("\ufeff" + FILE, encoding="utf-8", newline="")
    schema = Schema({"n": NUMERIC, "t": TEXT, "c": CATEGORICAL}, "c")
    blocks = list(CsvTable(path, schema).blocks())
    assert [value for block in blocks for value in block.values("n")] == [1, 2, 3, 4, 5]
    assert [cell for block in blocks for cell in block.cells("c")] == ["a", "b", "a", "b", "a"]
    assert [cell for block in blocks for cell in block.cells("t")][1] == 'two\r\nlines, and "more"'
    assert [block.first for block in blocks] == np.cumsum([0, *map(len, blocks)])[:-1].tolist()
    assert [number for block in blocks for number in block.numbers] == [2, 4, 6, 7, 8], "where records end"
    assert CsvTable(path, schema).count() == 5
    assert max(len(block) for block in blocks if isinstance(block, CellBlock)) <= records
    if lines == 1:
        assert {type(block) for block in blocks} == {LineBlock, CellBlock}


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_may_be_long(tmp_path: Path, quote: str) -> None:
    path, text = tmp_path / "x.csv", "word " * 50_000
    path.write_text(f"n,t\n1,{quote}{text}{quote}\n2,short\n")
    [block] = CsvTable(path, Schema({"n": NUMERIC, "t": TEXT}, None)).blocks()
    assert list(block.cells("t")) == [text, "short"]


def test_an_open_quote_is_told_where_it_begins_whatever_was_read_before(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [f"{row},plain\n" for row in range(20_000)]
    rows[15_000] = '15000,"open\n'
    path.write_text("n,t\n" + "".join(rows))
    with pytest.raises(InputError, match=r"x\.csv line 15002: not CSV: a quote that is opened in the record"):
        CsvTable(path, Schema({"n": NUMERIC, "t": TEXT}, None)).count()


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for content in ("n,c\n", "n,c\n\n\n"):
        path.write_text(content)
        with pytest.raises(InputError, match="no rows of data"):
            CsvTable(path, Schema({"n": NUMERIC, "c": CATEGORICAL}, "c")).count()
