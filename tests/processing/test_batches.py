"""Rows to predict: treated as the training rows were, and answered with probabilities that add up to 1."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from processing.batch_input import prepare
from processing.batch_output import write_predictions
from processing.data_conversion import convert
from processing.recordio import encode_labels, read_arrays, read_dense

AUTO = ("--format", "auto", "--label-column", "label", "--classes", "0,1,2,3,4,5,6,7,8,9")
SCHEMA: dict[str, Any] = {
    "version": "1.0",
    "rowId": "id",
    "targetAttributeName": "kind",
    "dataFormat": "CSV",
    "dataFileContainsHeader": True,
    "attributes": [
        {"attributeName": "id", "attributeType": "CATEGORICAL"},
        {"attributeName": "size", "attributeType": "NUMERIC"},
        {"attributeName": "colour", "attributeType": "CATEGORICAL"},
        {"attributeName": "kind", "attributeType": "CATEGORICAL"},
    ],
}
RECIPE = {"outputs": ["normalize(size)", "colour"]}
TRAINING = "id,size,colour,kind\n" + "".join(
    f"r{row},{row},{'red' if row % 2 else 'blue'},{'abc'[row % 3]}\n" for row in range(30)
)

LONG = pytest.param("x" * 200_000, id="long")

Failure = Callable[..., str]
Here = Callable[..., int]


@pytest.fixture
def trained(new_job: Any, here: Here) -> Any:
    """A finished conversion of TRAINING."""
    training = new_job("training")
    training.put("raw/data.csv", TRAINING)
    training.put("raw/schema.json", json.dumps(SCHEMA))
    training.put("raw/recipe.json", json.dumps(RECIPE))
    assert here(training, convert, *AUTO, "--split", "70") == 0
    return training


@pytest.fixture
def batch(job: Any, trained: Any) -> Any:
    """A job that treats rows as TRAINING's were."""
    job.mount("treatment", trained.output / "dataset")
    return job


def put_rows(job: Any, **content: Any) -> None:
    """What `batch_input` writes."""
    rows = {"rows": 3, "content_type": "text/csv", "row_id": None, "class_names": ["a", "b", "c"]}
    job.put("rows/rows.json", json.dumps({**rows, **content}))
    job.put("rows/row_ids.csv", "x\ny\nz\n" if content.get("row_id") else "")


def table(job: Any, name: str = "predictions.csv") -> list[list[str]]:
    data = (job.output / "predictions" / name).read_bytes()
    text = gzip.decompress(data) if name.endswith(".gz") else data
    return list(csv.reader(io.StringIO(text.decode("utf-8"), newline="")))


def row_ids(job: Any) -> list[str]:
    with (job.output / "rows" / "row_ids.csv").open(encoding="utf-8", newline="") as file:
        return [name for [name] in csv.reader(file)]


def test_the_same_rows_get_the_same_features_as_in_training(batch: Any, trained: Any, here: Here) -> None:
    header, *rows = TRAINING.splitlines()
    without_kind = [line.rpartition(",")[0] for line in [header, *rows[21:]]]
    batch.put("raw/test.csv", "\n".join(without_kind) + "\n")
    assert here(batch, prepare) == 0
    expected = read_arrays(trained.output / "test" / "test.pbr")
    found = read_arrays(batch.output / "batch" / "batch.pbr")
    assert (found.features != expected.features).nnz == 0
    assert found.labels is None
    assert batch.json("rows/rows.json") == {
        "rows": 9,
        "content_type": "application/x-recordio-protobuf",
        "row_id": "id",
        "class_names": ["a", "b", "c"],
        "warnings": [],
    }
    assert row_ids(batch) == [f"r{row}" for row in range(21, 30)]


def test_a_target_that_is_there_is_left_aside_and_columns_may_be_in_any_order(batch: Any, here: Here) -> None:
    batch.put("raw/test.csv.gz", gzip.compress(b"kind,colour,id,size\n,red,r1,5\n"))
    assert here(batch, prepare) == 0
    features = read_arrays(batch.output / "batch" / "batch.pbr").features
    assert features.toarray()[0, 1:].tolist() == [0, 1]


def test_an_unseen_category_is_none_of_the_known_ones_and_said(batch: Any, here: Here) -> None:
    batch.put("raw/test.csv", "id,size,colour\nr1,5,green\n")
    assert here(batch, prepare) == 0
    features = read_arrays(batch.output / "batch" / "batch.pbr").features
    assert features.toarray()[0, 1:].tolist() == [0, 0]
    [warning] = batch.json("rows/rows.json")["warnings"]
    assert warning.startswith("1 values in 1 outputs")


def test_a_batch_schema_without_target_tells_that_there_is_no_header(batch: Any, here: Here) -> None:
    content = {**SCHEMA, "targetAttributeName": None, "dataFileContainsHeader": False}
    content["attributes"] = [*SCHEMA["attributes"][:3], {"attributeName": "new", "attributeType": "TEXT"}]
    batch.put("raw/test.csv", "r7,5,red,anything\n")
    batch.put("raw/schema.json", json.dumps(content))
    assert here(batch, prepare) == 0
    assert row_ids(batch) == ["r7"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test.csv": "id,size\nr1,5\n"}, "no column 'colour', which the schema names"),
        ({"test.csv": "id,size,colour,age\nr1,5,red,3\n"}, "the schema has no attribute 'age'"),
        ({"test.csv": "id,size,colour\nr1,big,red\n"}, "line 2 column size: 'big' is not a number"),
        ({"test.csv": "id,size,colour\n"}, "no rows of data"),
        ({"test.csv": "id,size,colour\nr1,5,red\n", "recipe.json": "{}"}, "the model's own recipe"),
        (
            {
                "test.csv": "1,2\n",
                "schema.json": json.dumps({**SCHEMA, "attributes": SCHEMA["attributes"][1:], "rowId": None}),
            },
            "no attribute 'id', the row id in training",
        ),
        (
            {
                "test.csv": "1\n",
                "schema.json": json.dumps({"attributes": [{"fieldName": "size", "fieldType": "TEXT"}]}),
            },
            "'size' is TEXT, but the model was trained with NUMERIC",
        ),
    ],
)
def test_rows_that_the_model_cannot_take_are_refused_by_name(
    batch: Any, failure: Failure, files: dict[str, str], message: str
) -> None:
    for name, content in files.items():
        batch.put(f"raw/{name}", content)
    assert message in failure(prepare)
    assert not (batch.output / "rows" / "rows.json").exists()


@pytest.mark.parametrize(
    "content", ["{}", '{"version": 1, "schema": {}}', "no", '{"version": 1, "schema": 7}']
)
def test_a_treatment_that_is_none_is_refused(job: Any, failure: Failure, content: str) -> None:
    job.put("treatment/treatment.json", content)
    job.put("raw/test.csv", "a\n1\n")
    assert "treatment.json" in failure(prepare)


def test_images_are_rows_too(new_job: Any, job: Any, here: Here, digits_idx: dict[str, bytes]) -> None:
    training = new_job("training")
    for name, content in digits_idx.items():
        training.put(f"raw/{name}", content)
    assert here(training, convert, *AUTO) == 0
    job.mount("treatment", training.output / "dataset")
    job.put("raw/t10k-images-idx3-ubyte.gz", digits_idx["t10k-images-idx3-ubyte.gz"])
    assert here(job, prepare) == 0
    expected = read_dense(training.output / "test" / "test.pbr").features
    assert read_dense(job.output / "batch" / "batch.pbr").features.tobytes() == expected.tobytes()


SCORES = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]]


@pytest.mark.parametrize(
    "answer",
    [
        "\n".join(json.dumps({"score": s, "predicted_label": 0}) for s in SCORES).encode(),
        json.dumps({"predictions": [{"score": s, "predicted_label": 0} for s in SCORES]}).encode(),
        encode_labels({"score": np.array(SCORES, np.float32), "predicted_label": np.zeros(3, np.float32)}),
    ],
    ids=["jsonlines", "json", "recordio"],
)
def test_every_format_of_answer_gives_the_same_probabilities(job: Any, here: Here, answer: bytes) -> None:
    put_rows(job)
    job.put("predictions/batch.out", answer)
    assert here(job, write_predictions) == 0
    header, *rows = table(job)
    assert header == ["a", "b", "c"]
    found = np.array(rows, dtype=np.float64)
    assert found == pytest.approx(np.array(SCORES), abs=1e-7)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-15)


def test_row_ids_come_first_and_gz_is_compressed(job: Any, here: Here) -> None:
    put_rows(job, row_id="id")
    job.put("predictions/batch.out", "\n".join(json.dumps({"score": s}) for s in SCORES))
    assert here(job, write_predictions, "--name", "p.csv.gz") == 0
    assert table(job, "p.csv.gz")[:2] == [["id", "a", "b", "c"], ["x", "0.2", "0.3", "0.5"]]


@pytest.mark.parametrize("odd", ["a\rb", "a\nb", "a\r\nb", '"', ",", "", "\r", LONG])
def test_a_row_id_of_any_characters_names_its_row(new_job: Any, batch: Any, here: Here, odd: str) -> None:
    ids = [odd, "b", "c"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in ids]
    batch.put("raw/test.csv", "id,size,colour\n" + "".join(f"{name},5,red\n" for name in quoted))
    assert here(batch, prepare) == 0
    answers = new_job("answers")
    answers.mount("rows", batch.output / "rows")
    answers.put("predictions/batch.out", "\n".join(json.dumps({"score": s}) for s in SCORES))
    csv.field_size_limit(131_072)  # as in a process of its own
    assert here(answers, write_predictions) == 0
    assert [row[0] for row in table(answers)] == ["id", *ids]
    assert [row[1] for row in table(answers)] == ["a", "0.2", "1.0", "0.25"]


@pytest.mark.parametrize("ids", ["x\ny\n", "x\ny\nz\nz\n", "x\ny,y\nz\n", "x\n\nz\n", ""])
def test_ids_that_are_not_one_a_row_are_refused(job: Any, failure: Failure, ids: str) -> None:
    put_rows(job, row_id="id")
    job.put("rows/row_ids.csv", ids)
    job.put("predictions/batch.out", "\n".join(json.dumps({"score": s}) for s in SCORES))
    assert "row_ids.csv: not one row id for each of 3 rows of input" in failure(write_predictions)


def test_a_binary_score_is_the_probability_of_class_1(job: Any, here: Here) -> None:
    put_rows(job, class_names=["no", "yes"])
    job.put("predictions/batch.out", "\n".join(['{"score": 0.25, "predicted_label": 0}'] * 3))
    assert here(job, write_predictions) == 0
    assert table(job)[:2] == [["no", "yes"], ["0.75", "0.25"]]


def test_the_probabilities_of_knn_are_its_neighbours_shares(job: Any, here: Here) -> None:
    put_rows(job)
    verbose = '{"predicted_label": 1.0, "distances": [0, 1, 2, 3], "labels": [1.0, 1.0, 2.0, 1.0]}'
    job.put("predictions/batch.out", "\n".join([verbose] * 3))
    assert here(job, write_predictions) == 0
    assert table(job)[1] == ["0.0", "0.75", "0.25"]
    job.put("predictions/batch.out", "\n".join(['{"predicted_label": 2.0}'] * 3))
    assert here(job, write_predictions) == 0
    assert table(job)[1] == ["0.0", "0.0", "1.0"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "0 predictions or more, but 3 rows of input"),
        ('{"score": [0.5, 0.25, 0.25]}', "1 predictions or more, but 3 rows"),
        ('{"score": [0.5, 0.25, 0.25]}\n' * 4, "4 predictions or more, but 3 rows"),
        ('{"score": [0.5, 0.5]}\n' * 3, "not predictions for 3 classes"),
        ('{"score": [0.5, NaN, 0.5]}\n' * 3, "not predictions for 3 classes"),
        ('{"score": [0, 0, 0]}\n' * 3, "all scores of a row are 0"),
        ('{"score": 0.5}\n' * 3, "not predictions for 3 classes"),
        ('{"predicted_label": 3}\n' * 3, "labels of 0 to 2 are wanted"),
        ('{"label": 3}\n' * 3, "is no prediction"),
        ("oops", "not JSON"),
        (b"\x0a\x23\xd7\xce\x01", "batch.out"),
    ],
)
def test_answers_that_are_none_are_refused(
    job: Any, failure: Failure, answer: str | bytes, message: str
) -> None:
    put_rows(job)
    job.put("predictions/batch.out", answer)
    assert message in failure(write_predictions)
    assert not (job.output / "predictions").exists() or not list((job.output / "predictions").iterdir())
