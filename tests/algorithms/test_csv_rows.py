"""CSV channels and bodies: numbers only, and an error names row, column and value."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from algorithms.csv_rows import CsvError, parse_rows, read_blocks

TABLES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 6)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def _text(table: np.ndarray, end: str = "\n") -> bytes:
    return "".join(",".join(repr(float(value)) for value in row) + end for row in table).encode()


@given(TABLES, st.sampled_from(["\n", "\r\n"]))
def test_float32_survives_a_round_trip(table: np.ndarray, end: str) -> None:
    np.testing.assert_array_equal(parse_rows(_text(table, end)), table)


@given(TABLES, st.integers(1, 64))
def test_blocks_of_any_size_give_the_same_rows(table: np.ndarray, block: int) -> None:
    text = _text(table).rstrip(b"\n")
    np.testing.assert_array_equal(
        np.concatenate(list(read_blocks(io.BytesIO(text), block_bytes=block))), table
    )


@given(st.binary(max_size=60))
def test_any_bytes_give_rows_or_a_csv_error(text: bytes) -> None:
    try:
        rows = parse_rows(text)
    except CsvError:
        return
    assert rows.ndim == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1,2\n3,x\n", "row 2, column 2 is 'x', not a number"),
        (b"1,2\n3,\n", "row 2, column 2 is '', not a number (a missing value: give every column a number)"),
        (b"1,2\n\n3\n", "row 3 has 1 columns, but the rows above have 2"),
        (
            b"Sepal,Petal\n1,2\n",
            "row 1, column 1 is 'Sepal', not a number (text/csv channels have no header row: remove it)",
        ),
        (b"1,2\n\xff,2\n", "row 2 holds the byte 0xff, which is no part of a number"),
        (b'"1","2"\n', "row 1, column 1 is '\"1\"', not a number (write numbers without quotes)"),
        (b"1, '2.5'\n", "row 1, column 2 is \" '2.5'\", not a number (write numbers without quotes)"),
        (
            b'1,""\n',
            "row 1, column 2 is '\"\"', not a number (a missing value: give every column a number)",
        ),
        (
            b'"Sepal","Petal"\n1,2\n',
            "row 1, column 1 is '\"Sepal\"', not a number (text/csv channels have no header row: remove it)",
        ),
        (b"1_0,2\n", "row 1, column 1 is '1_0', not a number"),
    ],
)
def test_an_error_names_the_place_and_the_value(text: bytes, message: str) -> None:
    with pytest.raises(CsvError) as raised:
        parse_rows(text)
    assert str(raised.value) == message


def test_rows_are_counted_over_blocks() -> None:
    with pytest.raises(CsvError, match="row 3, column 1 is 'x'"):
        list(read_blocks(io.BytesIO(b"1,2\n3,4\nx,6\n"), block_bytes=4))


def test_a_width_that_changes_between_blocks_is_an_error() -> None:
    with pytest.raises(CsvError, match="row 2 has 1 columns, but the rows above have 2"):
        list(read_blocks(io.BytesIO(b"1,2\n3\n"), block_bytes=4))


def test_no_text_is_no_rows() -> None:
    assert parse_rows(b" \n").shape == (0, 0)
    assert list(read_blocks(io.BytesIO(b""))) == []
