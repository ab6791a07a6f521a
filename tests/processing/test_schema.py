"""Amazon Machine Learning's data schemas, in both spellings; whatever cannot be meant is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from processing.container import InputError
from processing.schema import parse_schema, read_schema

CENSUS: dict[str, Any] = {
    "version": "1.0",
    "rowId": "id",
    "targetAttributeName": "label",
    "dataFormat": "CSV",
    "dataFileContainsHeader": True,
    "attributes": [
        {"attributeName": "id", "attributeType": "CATEGORICAL"},
        {"attributeName": "age", "attributeType": "NUMERIC"},
        {"attributeName": "likes", "attributeType": "TEXT"},
        {"attributeName": "note", "attributeType": "TEXT"},
        {"attributeName": "label", "attributeType": "CATEGORICAL"},
    ],
    "excludedAttributeNames": ["note"],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**CENSUS, **changes}


def test_a_schema_tells_inputs_from_target_row_id_and_excluded_columns() -> None:
    schema = parse_schema(CENSUS, "S.json")
    assert schema.inputs == {"age": "NUMERIC", "likes": "TEXT"}
    assert (schema.target, schema.row_id, schema.header) == ("label", "id", True)
    assert schema.as_json() == CENSUS


def test_the_older_spellings_mean_the_same() -> None:
    older = {
        "version": "1.0",
        "recordAnnotationFieldName": "id",
        "recordWeightFieldName": None,
        "targetFieldName": "label",
        "dataFormat": "CSV",
        "dataFileContainsHeader": True,
        "attributes": [
            {"fieldName": a["attributeName"], "fieldType": a["attributeType"]} for a in CENSUS["attributes"]
        ],
        "excludedVariableNames": ["note"],
    }
    assert parse_schema(older, "S.json") == parse_schema(CENSUS, "S.json")


def test_a_batch_schema_has_no_target() -> None:
    batch = parse_schema(changed(targetAttributeName=None), "S.json")
    assert batch.target is None
    assert "label" in batch.inputs
    assert "label" not in parse_schema(CENSUS, "S.json").without_target().types


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "S.json: a JSON object is wanted, not list"),
        (changed(version="2.0"), "version is '2.0'"),
        (changed(dataFormat="JSON"), "dataFormat is 'JSON'"),
        (changed(weight="age"), "weight 'age' is not supported"),
        (changed(dataFileContainsHeader="yes"), "dataFileContainsHeader is 'yes'; write true or false"),
        (changed(targetAttribute="label"), "unknown key 'targetAttribute'; did you mean"),
        (changed(targetFieldName="age"), "'targetFieldName' says again what another spelling said"),
        (changed(targetAttributeName="Label"), "targetAttributeName 'Label' is not one of the attributes"),
        (changed(rowId=7), "rowId 7 is not one of the attributes"),
        (changed(rowId="label"), "'label' is both target and row id"),
        (changed(excludedAttributeNames=["label"]), "'label' is in excludedAttributeNames, too"),
        (changed(excludedAttributeNames=["hight"]), "excluded 'hight' is not one of the attributes"),
        (changed(excludedAttributeNames=["note", "age", "likes"]), "no attribute is left to learn from"),
        (changed(attributes=[]), "attributes is []"),
        (changed(attributes=[{"attributeName": "a", "attributeType": "INTEGER"}]), "attributeType 'INTEGER'"),
        (changed(attributes=[{"attributeName": " ", "attributeType": "TEXT"}]), "attributeName is ' '"),
        (
            changed(attributes=[{"attributeName": "a", "attributeType": "TEXT"}] * 2),
            "attributes[1]: the attribute 'a' is there twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(content: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schema(content, "S.json")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ('{"version": "1.0", "version": "1.0"}', "the key 'version' is there twice")],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "S.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_schema(path)
    with pytest.raises(InputError, match="no such file"):
        read_schema(tmp_path / "T.json")


def test_a_schema_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "S.json"
    path.write_text("\ufeff" + json.dumps(CENSUS), encoding="utf-8")
    assert read_schema(path) == parse_schema(CENSUS, "S.json")
