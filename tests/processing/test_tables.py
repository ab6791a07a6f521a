"""Tables with a schema, a recipe and a split: what comes out of data conversion, and what it refuses."""

from __future__ import annotations

import gzip
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from processing.data_conversion import convert
from processing.recordio import read_arrays, read_dense

RECORDIO = "application/x-recordio-protobuf"
AUTO = ("--format", "auto", "--label-column", "label", "--classes", "0,1,2,3,4,5,6,7,8,9")
IRIS = ("--format", "csv", "--label-column", "Species", "--classes", "setosa,versicolor,virginica")

Failure = Callable[..., str]
Here = Callable[..., int]


def schema(target: str | None = "label", header: bool = True, **types: str) -> str:
    content: dict[str, Any] = {
        "version": "1.0",
        "targetAttributeName": target,
        "dataFormat": "CSV",
        "dataFileContainsHeader": header,
        "attributes": [{"attributeName": n, "attributeType": t} for n, t in types.items()],
    }
    return json.dumps(content)


END = "\n"
"""After a message: what is told ends there."""
TYPES = {"label": "CATEGORICAL", "size": "NUMERIC", "colour": "CATEGORICAL", "note": "TEXT"}
CSV = "label,size,colour,note\n" + "".join(
    f"{'abc'[row % 3]},{row},{'red' if row % 2 else 'blue'},word{row % 5} more\n" for row in range(20)
)


def kaggle(rows: int, pixels: int = 16) -> str:
    header = ",".join(["label", *(f"pixel{number}" for number in range(pixels))])
    lines = [
        ",".join(map(str, [row % 10, *((row * 7 + number) % 256 for number in range(pixels))]))
        for row in range(rows)
    ]
    return "\n".join([header, *lines]) + "\n"


def test_kaggle_s_layout_gives_ten_classes_and_pixels_within_0_to_1(job: Any, here: Here) -> None:
    job.put("raw/train.csv", kaggle(30))
    assert here(job, convert, *AUTO, "--validation-size", "0.1") == 0
    dataset = job.json("dataset/dataset.json")
    assert dataset["rows"] == {"train": 18, "validation": 3, "test": 9}
    assert dataset["class_names"] == list("0123456789")
    assert dataset["image_shape"] == [4, 4]
    features, labels = read_dense(job.output / "train" / "train.pbr")
    assert labels is not None
    assert labels.tolist() == [row % 10 for row in range(18)]
    assert features[1].tolist() == (np.arange(7, 23, dtype=np.float32) / np.float32(255)).tolist()


def test_the_test_file_beside_the_training_file_is_left_aside(job: Any, here: Here) -> None:
    job.put("raw/train.csv", kaggle(30))
    job.put("raw/test.csv", "pixel0\n1\n")
    job.put("raw/sample_submission.csv", "ImageId,Label\n1,0\n")
    assert here(job, convert, *AUTO) == 0
    assert job.json("dataset/dataset.json")["source"]["files"] == ["train.csv"]


def test_the_same_digits_as_csv_and_as_idx_are_the_same_channel(
    new_job: Any, here: Here, digits_idx: dict[str, bytes]
) -> None:
    images, table = new_job("images"), new_job("table")
    for name, content in digits_idx.items():
        images.put(f"raw/{name}", content)
    pixels = np.frombuffer(digits_idx["train-images-idx3-ubyte"][16:], np.uint8).reshape(1500, 64)
    labels = np.frombuffer(digits_idx["train-labels-idx1-ubyte"][8:], np.uint8)
    header = ",".join(["label", *(f"pixel{number}" for number in range(64))])
    rows = [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels.tolist(), strict=True)]
    table.put("raw/train.csv.gz", gzip.compress("\n".join([header, *rows]).encode()))
    assert here(images, convert, *AUTO) == 0
    assert here(table, convert, *AUTO, "--split", "90") == 0
    expected = read_dense(images.output / "train" / "train.pbr")
    found = read_dense(table.output / "train" / "train.pbr")
    assert found.features[:1250].tobytes() == expected.features.tobytes()
    assert found.labels is not None
    assert expected.labels is not None
    assert found.labels[:1250].tolist() == expected.labels.tolist()


def test_a_schema_finds_the_classes_and_words_become_sparse_columns(job: Any, here: Here) -> None:
    job.put("raw/data.csv", CSV)
    job.put("raw/data.csv.schema", schema(**TYPES))
    assert here(job, convert, *AUTO, "--split", "70") == 0
    dataset = job.json("dataset/dataset.json")
    assert dataset["class_names"] == ["a", "b", "c"]
    assert dataset["feature_names"][:3] == ["size", "colour=blue", "colour=red"]
    assert dataset["hyperparameters"] == {
        "feature_dim": "9",
        "num_classes": "3",
        "normalize_data": "false",
        "num_models": "auto",
        "sample_size": "60000",
    }
    features, labels = read_arrays(job.output / "train" / "train.pbr")
    assert not isinstance(features, np.ndarray)
    assert features.toarray()[:2, :3].tolist() == [[0, 1, 0], [1, 0, 1]]
    assert labels is not None
    assert labels.tolist() == [row % 3 for row in range(14)]
    assert (job.output / "test_labels" / "labels.csv").read_text().split() == [
        str(row % 3) for row in range(14, 20)
    ]


def test_a_recipe_is_fitted_on_the_training_rows_only(job: Any, here: Here) -> None:
    job.put("raw/data.csv", CSV)
    job.put("raw/schema.json", schema(**TYPES))
    job.put("raw/recipe.json", json.dumps({"outputs": ["normalize(size)", "quantile_bin(size, 2)"]}))
    assert here(job, convert, *AUTO, "--split", "50") == 0
    fits = job.json("dataset/treatment.json")["fits"]
    assert fits["normalize(size)"]["mean"] == 4.5
    assert fits["quantile_bin(size,2)"]["cuts"] == [4.5]


def test_a_value_that_only_other_splits_have_is_none_of_the_known_ones(job: Any, here: Here) -> None:
    job.put("raw/data.csv", CSV.replace("c,17,red", "c,17,green"))
    job.put("raw/schema.json", schema(**TYPES))
    job.put("raw/recipe.json", json.dumps({"outputs": ["colour"]}))
    assert here(job, convert, *AUTO, "--split", "70") == 0
    features, _ = read_arrays(job.output / "test" / "test.pbr")
    assert features.toarray()[3].tolist() == [0, 0]
    [warning] = job.json("dataset/dataset.json")["warnings"]
    assert warning.startswith("1 values in 1 outputs of the recipe do not occur in the training rows")


def test_images_are_a_table_to_a_recipe(job: Any, here: Here, digits_idx: dict[str, bytes]) -> None:
    for name, content in digits_idx.items():
        job.put(f"raw/{name}", content)
    pixels = {f"pixel{number}": "CATEGORICAL" for number in range(64)}
    job.put("raw/schema.json", schema(label="CATEGORICAL", **pixels))
    job.put("raw/recipe.json", json.dumps({"outputs": ["ALL_CATEGORICAL"]}))
    assert here(job, convert, *AUTO) == 0
    dataset = job.json("dataset/dataset.json")
    assert dataset["rows"] == {"train": 1250, "validation": 250, "test": 297}
    assert dataset["image_shape"] is None
    features, _ = read_arrays(job.output / "train" / "train.pbr")
    assert features.shape == (1250, int(dataset["hyperparameters"]["feature_dim"]))
    assert set(features.sum(axis=1).ravel().tolist()[0]) == {64.0}


def test_a_publisher_s_split_can_be_cut_anew(job: Any, here: Here, digits_idx: dict[str, bytes]) -> None:
    for name, content in digits_idx.items():
        job.put(f"raw/{name}", content)
    assert here(job, convert, *AUTO, "--split", "fold=1/3,random", "--validation-size", "0.1") == 0
    assert job.json("dataset/dataset.json")["rows"] == {"train": 1018, "validation": 180, "test": 599}


def test_rows_of_images_are_counted_from_1(job: Any, failure: Failure, idx: Callable[..., bytes]) -> None:
    for part, labels in (("train", [0, 1, 2, 3, 9, 1]), ("t10k", [0, 1])):
        job.put(f"raw/{part}-images-idx3-ubyte", idx(np.zeros((len(labels), 2, 2), dtype=np.uint8)))
        job.put(f"raw/{part}-labels-idx1-ubyte", idx(np.array(labels, dtype=np.uint8)))
    pixels = {f"pixel{number}": "NUMERIC" for number in range(1, 4)}
    job.put("raw/schema.json", schema(label="CATEGORICAL", pixel0="BINARY", **pixels))
    job.put("raw/t10k-images-idx3-ubyte", idx(np.full((2, 2, 2), 7, dtype=np.uint8)))
    assert "t10k-labels-idx1-ubyte test row 1 column pixel0: '7' is no BINARY value" in failure(
        convert, *AUTO
    )


def test_quotes_commas_newlines_a_byte_order_mark_and_crlf_are_csv(job: Any, here: Here) -> None:
    text = '\ufefflabel,note\r\na,"x, ""y""\r\nz"\r\nb,plain\r\n' + "a,w\r\nb,v\r\n" * 4
    job.put("raw/data.csv", text)
    job.put("raw/schema.json", schema(label="CATEGORICAL", note="CATEGORICAL"))
    assert here(job, convert, *AUTO, "--split", "70") == 0
    assert 'note=x, "y"\r\nz' in job.json("dataset/dataset.json")["feature_names"]


def test_without_a_header_the_schema_names_the_columns(job: Any, here: Here) -> None:
    job.put("raw/data.csv", CSV.partition("\n")[2])
    job.put("raw/schema.json", schema(header=False, **TYPES))
    assert here(job, convert, *AUTO) == 0
    assert job.json("dataset/dataset.json")["rows"] == {"train": 14, "test": 6}


def test_iris_takes_a_split_too(job: Any, here: Here, iris_csv: str) -> None:
    job.put("raw/iris.csv", iris_csv)
    assert here(job, convert, *IRIS, "--content-type", "text/csv", "--split", "fold=1/5,random") == 0
    assert job.json("dataset/dataset.json")["rows"] == {"train": 120, "test": 30}
    first = (job.output / "train" / "train.csv").read_text().splitlines()[0]
    assert len(first.split(",")) == 5


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, False), ({"schema.json": schema("Species", Species="CATEGORICAL", size="NUMERIC")}, True)],
    ids=["without a schema", "with one"],
)
def test_rows_keep_their_order_except_where_iris_splits_a_small_file_by_itself(
    job: Any, here: Here, given: dict[str, str], kept: bool
) -> None:
    species = ("setosa", "versicolor", "virginica")
    rows = "".join(f"{species[row % 3]},{row}\n" for row in range(60))
    for name, content in {"iris.csv": "Species,size\n" + rows, **given}.items():
        job.put(f"raw/{name}", content)
    assert here(job, convert, *IRIS, "--content-type", "text/csv") == 0
    lines = (job.output / "train" / "train.csv").read_text().splitlines()
    sizes = [float(line.split(",")[1]) for line in lines]
    assert (sizes == sorted(sizes)) is kept


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data.csv": CSV, "schema.json": schema(**TYPES, height="NUMERIC")}, "no column 'height'"),
        (
            {"data.csv": CSV.replace("note", "notes", 1), "schema.json": schema(**TYPES)},
            "data.csv: the schema has no attribute 'notes'; add it there, and to excludedAttributeNames if "
            "no model is to learn from it; did you mean 'note'?",
        ),
        (
            {"data.csv": CSV.replace("size", "size,sizes"), "schema.json": schema(**TYPES)},
            "data.csv: the schema has no attribute 'sizes'; add it there, and to excludedAttributeNames if "
            "no model is to learn from it" + END,
        ),
        (
            {"data.csv": CSV, "schema.json": schema(**TYPES, sizes="NUMERIC")},
            "data.csv: no column 'sizes', which the schema names; the file has label, size, colour, note"
            + END,
        ),
        (
            {"data.csv": CSV, "schema.json": schema(**{**TYPES, "colour": "NUMERIC"})},
            "data.csv line 2 column colour: 'blue' is not a number, but the column is NUMERIC",
        ),
        (
            {"data.csv": CSV, "schema.json": schema(**{**TYPES, "colour": "BINARY"})},
            "data.csv line 2 column colour: 'blue' is no BINARY value",
        ),
        ({"data.csv": CSV, "schema.json": schema(None, **TYPES)}, "no targetAttributeName"),
        ({"data.csv": CSV, "schema.json": schema("size", **TYPES)}, "the target 'size' is NUMERIC"),
        (
            {
                "data.csv": "label,size\n" + "a,1\n" * 9,
                "schema.json": schema(label="CATEGORICAL", size="NUMERIC"),
            },
            "the target 'label' has one class, 'a'; give rows of two classes or more",
        ),
        (
            {
                "data.csv": "label,size\n" + "y,1\nYes,2\n" * 9,
                "schema.json": schema(label="BINARY", size="NUMERIC"),
            },
            "the target 'label' has one class, 'yes'; give rows of two classes or more",
        ),
        (
            {
                "data.csv": "label,size\n" + "y,1\nmaybe,2\n" * 9,
                "schema.json": schema(label="BINARY", size="NUMERIC"),
            },
            "data.csv line 3 column label: 'maybe' is no BINARY value; use 0 or 1, n or y, no or yes, f or "
            "t, false or true, or make the target CATEGORICAL in the schema",
        ),
        (
            {
                "data.csv": "label,size\n" + "".join(f"{row / 7},{row}\n" for row in range(40)),
                "schema.json": schema(label="CATEGORICAL", size="NUMERIC"),
            },
            "the target 'label' has another number in each of 40 rows, which would be regression",
        ),
        ({"data.csv": CSV + "a,1\n", "schema.json": schema(**TYPES)}, "line 22: 2 values where there are 4"),
        (
            {"data.csv": CSV.encode("utf-8").replace(b"red", b"r\xe9d"), "schema.json": schema(**TYPES)},
            "0xe9",
        ),
        ({"data.csv": "", "schema.json": schema(**TYPES)}, "the file is empty"),
        ({"data.csv": "label,size,colour,note\n", "schema.json": schema(**TYPES)}, "no rows of data"),
        ({"data.csv": CSV}, "column 'note' is NUMERIC"),
        ({"data.csv": "a,b\n1,2\n"}, "no column 'label' among a, b; rows without a label are for"),
        ({"data.csv": "label,x,x\n1,2,3\n"}, "the column 'x' is there twice"),
        ({"data.csv.gz": gzip.compress(CSV.encode())[:-20]}, "the gzip file is damaged"),
        ({"data.csv": CSV.encode("utf-16")}, "data.csv: the text is UTF-16; save the file as UTF-8"),
        ({"data.csv": b"PK\x03\x04" + bytes(30)}, "data.csv: is a zip archive or an Excel file, not CSV"),
        ({"data.csv.gz": gzip.compress(pickle.dumps([1], 2))}, "is a pickle within gzip, not CSV"),
        ({"schema.json": schema(**TYPES)}, "no data beside schema.json"),
        ({"data.csv": CSV, "schema.json": "{}", "data.csv.schema": "{}"}, "one schema is wanted"),
        ({"train.csv": kaggle(20).replace(",9,", ",-9,")}, "is no pixel, a whole number of 0 to 255"),
        ({"train.csv": re.sub(r"\n\d,", "\n7,", kaggle(20))}, "all training rows are of the class '7'"),
        ({"train.csv": kaggle(20).replace("\n3,", "\n33,")}, "column label: '33' is not one of 0, 1"),
        (
            {"data.csv": CSV, "schema.json": schema(**TYPES), "recipe.json": '{"outputs": ["sizes"]}'},
            "recipe.json: outputs[0]: unknown variable or group 'sizes'",
        ),
    ],
)
def test_bad_input_is_refused_by_name(
    job: Any, failure: Failure, files: dict[str, str | bytes], message: str
) -> None:
    for name, content in files.items():
        job.put(f"raw/{name}", content)
    said = failure(convert, *AUTO)
    expected = message if message != "column 'note' is NUMERIC" else "is not a number, but the column"
    assert expected in said + END
    assert not (job.output / "dataset").exists()
    assert not [path for path in job.output.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("content", "told"), [("", "the file is empty"), ("Species,size\n", "no rows of data in the file")]
)
def test_a_table_without_rows_is_told_as_such_where_the_task_names_the_classes(
    job: Any, failure: Failure, content: str, told: str
) -> None:
    job.put("raw/iris.csv", content)
    job.put("raw/schema.json", schema("Species", Species="CATEGORICAL", size="NUMERIC"))
    assert told in failure(convert, *IRIS)


def test_text_without_a_schema_is_told_of_the_schema_that_is_missing(job: Any, failure: Failure) -> None:
    job.put("raw/data.csv", CSV)
    said = failure(convert, *AUTO)
    assert "line 2 column colour: 'blue' is not a number, but the column is NUMERIC; correct it" in said
    assert "give the column another type in the schema (`trainyard schema` writes one)" in said


def test_too_few_classes_for_the_algorithms_are_refused(job: Any, failure: Failure) -> None:
    job.put("raw/data.csv", CSV.replace("\nc,", "\na,"))
    job.put("raw/schema.json", schema(**TYPES))
    said = failure(convert, *AUTO, "--minimum-classes", "3")
    assert "the target 'label' has 2 classes, a, b, but the task is for 3 or more; give rows of more" in said


@pytest.mark.parametrize(
    ("spellings", "names"),
    [
        (["Yes", "no", "yes", "NO"], ["no", "yes"]),
        (["1", "0"], ["0", "1"]),
        (["1", "no", " n ", "y"], ["no", "y"]),
        (["TRUE", "f", "T", "False"], ["false", "true"]),
    ],
)
def test_a_binary_target_is_two_classes_in_any_case_and_spelling(
    job: Any, here: Here, spellings: list[str], names: list[str]
) -> None:
    cells = [spellings[row % len(spellings)] for row in range(20)]
    job.put("raw/data.csv", "label,size\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells)))
    job.put("raw/schema.json", schema(label="BINARY", size="NUMERIC"))
    assert here(job, convert, *AUTO, "--split", "50") == 0
    assert job.json("dataset/dataset.json")["class_names"] == names
    _, labels = read_dense(job.output / "train" / "train.pbr")
    assert labels is not None
    true = [cell.strip().lower() in ("1", "y", "yes", "t", "true") for cell in cells]
    assert labels.tolist() == true[:10]
    assert (job.output / "test_labels" / "labels.csv").read_text().split() == [str(int(t)) for t in true[10:]]


def test_classes_that_the_task_names_take_every_spelling_of_a_binary_target(job: Any, here: Here) -> None:
    job.put("raw/data.csv", "label,size\n" + "Y,1\n0,2\nyes,3\nNo,4\n" * 5)
    job.put("raw/schema.json", schema(label="BINARY", size="NUMERIC"))
    task = ("--format", "csv", "--label-column", "label", "--classes", "Yes,No")
    assert here(job, convert, *task, "--split", "50") == 0
    assert job.json("dataset/dataset.json")["class_names"] == ["Yes", "No"]
    _, labels = read_dense(job.output / "train" / "train.pbr")
    assert labels is not None
    assert labels.tolist() == [0, 1] * 5


def test_a_split_that_is_none_is_refused(job: Any, failure: Failure) -> None:
    job.put("raw/train.csv", kaggle(30))
    assert "'x' is no percentage; write 70" in failure(convert, *AUTO, "--split", "x")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(new_job: Any, tmp_path: Path) -> None:
    """300,000 rows more may take 32 MiB more: a few bytes a row for the split, not the rows."""
    peaks = []
    for rows in (150_000, 450_000):
        job = new_job(str(rows))
        line = "".join(f"{'abc'[row % 3]},{row % 97},{row % 31},word{row % 7}\n" for row in range(1000))
        job.put("raw/data.csv", "label,size,weight,colour\n" + line * (rows // 1000))
        types = {"label": "CATEGORICAL", "size": "NUMERIC", "weight": "NUMERIC", "colour": "CATEGORICAL"}
        job.put("raw/schema.json", schema(**types))
        job.put("raw/recipe.json", json.dumps({"outputs": ["quantile_bin(size, 10)", "weight", "colour"]}))
        program = (
            "import resource, runpy, sys\n"
            "sys.argv = ['data_conversion', *sys.argv[1:]]\n"
            "try:\n    runpy.run_module('processing.data_conversion', run_name='__main__')\n"
            "finally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        peaks.append(job.program(program, *AUTO, "--split", "70,random"))
    assert peaks[1] - peaks[0] < 32 * 1024
