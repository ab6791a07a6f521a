"""A schema for a file that has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from processing.schema import parse_schema
from processing.schema_inference import infer

Here = Callable[..., int]
Failure = Callable[..., str]

PEOPLE = (
    "id,age,member,pixel0,country,comment,class\n"
    "1,20,yes,0,DE,I like it,0\n"
    '2,3.5e1,No,1,FR,"well, so so",1\n'
    "3,,YES,0,DE,no,2\n"
)


def inferred(job: Any, here: Here, text: str, *arguments: str) -> Any:
    job.put("raw/people.csv", text)
    assert here(job, infer, *arguments) == 0
    return parse_schema(job.json("schema/schema.json"), "schema.json")


def test_types_come_from_the_values_of_all_rows(job: Any, here: Here) -> None:
    schema = inferred(job, here, PEOPLE.replace("3,,", "3,40,"), "--row-id", "id")
    assert schema.types == {
        "id": "CATEGORICAL",
        "age": "NUMERIC",
        "member": "BINARY",
        "pixel0": "NUMERIC",
        "country": "CATEGORICAL",
        "comment": "TEXT",
        "class": "CATEGORICAL",
    }
    assert (schema.target, schema.row_id, schema.header) == ("class", "id", True)


def test_a_column_with_an_empty_cell_is_no_number(job: Any, here: Here) -> None:
    assert inferred(job, here, PEOPLE).types["age"] == "CATEGORICAL"


def test_the_target_can_be_named_and_need_not_be_there(job: Any, here: Here) -> None:
    assert inferred(job, here, PEOPLE, "--target", "member").types["member"] == "BINARY"
    assert inferred(job, here, "a,b\n1,2\n").target is None


def test_without_a_header_columns_are_numbered(job: Any, here: Here) -> None:
    schema = inferred(job, here, PEOPLE.partition("\n")[2], "--no-header", "--target", "Var7")
    assert list(schema.types) == [f"Var{number}" for number in range(1, 8)]
    assert (schema.header, schema.types["Var7"]) == (False, "CATEGORICAL")


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", (), "the file is empty"),
        ("a,b\n", (), "no rows of data"),
        ("a,,c\n1,2,3\n", (), "column 2 has no name"),
        ("a,b\n1\n", (), "line 2: 1 values where there are 2 columns"),
        ("a,b\n1,2\n", ("--target", "c"), "--target 'c' is no column"),
        ("a,b\n1,2\n", ("--row-id", "ab"), "--row-id 'ab' is no column"),
    ],
)
def test_what_is_no_table_is_refused(
    job: Any, failure: Failure, text: str, arguments: tuple[str, ...], message: str
) -> None:
    job.put("raw/people.csv", text)
    assert message in failure(infer, *arguments)
