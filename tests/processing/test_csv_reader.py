"""A published CSV is read as it is; a wrong cell is named by line, column and value."""

from __future__ import annotations

import csv
import gzip
import io
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.container import InputError
from processing.readers import RawTable, csv_file
from processing.readers.csv_file import Columns, read_csv

COLUMNS = Columns(label="Species", classes=["setosa", "versicolor"])
GOOD = "Length,Species,Width\n5.1,setosa,3.5\n7,versicolor,-1e-3\n"


def read(tmp_path: Path, content: str | bytes, columns: Columns = COLUMNS) -> RawTable:
    path = tmp_path / "iris.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path, columns)


def refusal(tmp_path: Path, content: str | bytes, columns: Columns = COLUMNS) -> str:
    with pytest.raises(InputError) as refused:
        read(tmp_path, content, columns)
    assert "iris.csv" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD, id="plain"),
        pytest.param("\ufeff" + GOOD, id="byte order mark"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(GOOD.replace("\n", "\n\n") + "\n\n", id="blank lines"),
        pytest.param(GOOD.rstrip("\n"), id="no last line end"),
        pytest.param(
            GOOD.replace("setosa", '"setosa"').replace("Width", '"Width"').replace("3.5", '"3.5"'),
            id="quotes",
        ),
        pytest.param(GOOD.replace(",", " , "), id="blanks around values"),
    ],
)
def test_the_table_is_read(tmp_path: Path, content: str) -> None:
    table = read(tmp_path, content)
    assert table.feature_names == ["Length", "Width"]
    np.testing.assert_array_equal(table.rows.features, [[5.1, 3.5], [7, -1e-3]])
    np.testing.assert_array_equal(table.rows.labels, [0, 1])


def test_features_can_be_chosen_and_ordered(tmp_path: Path) -> None:
    content = 'Length,Species,Width,Note\n5.1,setosa,3.5,"good, big"\n'
    table = read(tmp_path, content, Columns("Species", ["setosa"], ["Width", "Length"]))
    assert table.feature_names == ["Width", "Length"]
    np.testing.assert_array_equal(table.rows.features, [[3.5, 5.1]])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (GOOD.replace("Species", "Kind"), "no column 'Species' among Length, Kind, Width"),
        (GOOD.replace("Width", "Length"), "the column 'Length' is there 2 times"),
        (GOOD.replace("Width", ""), "column 3 has no name"),
        (GOOD.replace("3.5", "wide"), "line 2 column Width: 'wide' is not a number"),
        (GOOD.replace("3.5", ""), "line 2 column Width: '' is not a number"),
        (GOOD.replace("3.5", "1_0"), "line 2 column Width: '1_0' is not a number"),
        (GOOD.replace("3.5", "٣"), "line 2 column Width: '٣' is not a number"),
        (GOOD.replace("3.5", "NaN"), "line 2 column Width: 'NaN' is not a finite float32 number"),
        (GOOD.replace("-1e-3", "-inf"), "line 3 column Width: '-inf' is not a finite float32 number"),
        (GOOD.replace("7", "1e39"), "line 3 column Length: '1e39' is not a finite float32 number"),
        (
            GOOD.replace("versicolor", "rosa"),
            "line 3 column Species: 'rosa' is not one of setosa, versicolor",
        ),
        (GOOD.replace(",-1e-3", ""), "line 3: 2 values where the header names 3 columns"),
        (GOOD.replace("3.5", "3.5,1"), "line 2: 4 values where the header names 3 columns"),
        (GOOD.replace("setosa", '"setosa'), "not CSV"),
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("Length,Species,Width\n", "no rows below the header"),
        ("Species\nsetosa\n", "the features must be one column or more"),
        (
            GOOD.replace("setosa", "setosé").encode("latin-1"),
            "line 2: the byte 0xe9 is not UTF-8; save the file as UTF-8",
        ),
        pytest.param(gzip.compress(GOOD.encode()), "is gzip, not CSV; this task reads a CSV file", id="gzip"),
        pytest.param(pickle.dumps(GOOD, 2), "is a pickle, not CSV; this task reads a CSV file", id="pickle"),
        pytest.param(GOOD.encode("utf-16"), "the text is UTF-16; save the file as UTF-8", id="UTF-16"),
        pytest.param(
            b"\xfe\xff" + GOOD.encode("utf-16-be"), "the text is UTF-16; save", id="UTF-16, big-endian"
        ),
        (GOOD.replace("setosa", "x" * 200_000), "xxx...' is not one of setosa, versicolor"),
        (GOOD.replace("5.1", "5" * 200_000), "555...' is not a finite float32 number"),
        (
            GOOD.replace("setosa", '"setosa') + "1,setosa,2\n" * 50,
            "line 2: not CSV: a quote that is opened in the record of this line is not closed; close it",
        ),
        (
            GOOD.replace("setosa", '"setosa') + "1,setosa,2\n" * 50 + '1,"setosa",2\n',
            "line 2: not CSV: ',' expected after '\"', in line 54 of the record that begins here; correct",
        ),
        (GOOD.replace("setosa", '"se"tosa'), "line 2: not CSV: ',' expected after '\"'; correct the line"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, content: str | bytes, told: str) -> None:
    assert told in refusal(tmp_path, content)


def test_a_quote_that_swallows_the_rest_of_a_long_file_is_told_where_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "CELL_CHARACTERS", 1000)
    told = refusal(tmp_path, GOOD.replace("versicolor", '"versicolor') + "1,setosa,2\n" * 500)
    assert "line 3: not CSV: a cell of more than 1000 characters, as where a quote is not closed" in told


def test_the_label_is_no_feature(tmp_path: Path) -> None:
    told = refusal(tmp_path, GOOD, Columns("Species", ["setosa"], ["Length", "Species"]))
    assert "none of them 'Species'" in told


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: no such file"):
        read_csv(tmp_path / "absent.csv", COLUMNS)


def read_bytes(content: bytes) -> RawTable | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        path.write_bytes(content)
        try:
            return read_csv(path, COLUMNS)
        except InputError:
            return None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    for text in (content, b"Length,Species\n" + content, b"Length,Species\n1,setosa\n" + content):
        table = read_bytes(text)
        assert table is None or np.isfinite(table.rows.features).all()


FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(FLOATS, st.sampled_from(COLUMNS.classes), FLOATS), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[float, str, float]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows([("Length", "Species", "Width"), *rows])
    table = read_bytes(text.getvalue().encode())
    assert table is not None
    np.testing.assert_array_equal(table.rows.features, [(length, width) for length, _, width in rows])
    assert [COLUMNS.classes[label] for label in table.rows.labels] == [species for _, species, _ in rows]
