"""`python -m processing.data_inspection`: what the report draws later, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_iris

from processing.data_conversion import convert
from processing.data_inspection import FeatureStatistics, StratifiedSample, inspect_channels
from processing.recordio import encode_dense

IRIS = ("--format", "csv", "--label-column", "Species", "--classes", "setosa,versicolor,virginica")
MNIST = ("--format", "mnist", "--positive-class", "0")

Failure = Callable[..., str]


@pytest.fixture
def inspected(new_job: Callable[[str], Any], here: Callable[..., int]) -> Callable[..., dict[str, Any]]:
    """Convert raw files, mount the output as a pipeline does, inspect."""

    def inspect(raw: dict[str, bytes | str], *arguments: str) -> dict[str, Any]:
        first, second = new_job("convert"), new_job("inspect")
        for name, content in raw.items():
            first.put(f"raw/{name}", content)
        assert here(first, convert, *arguments) == 0
        for output in first.output.iterdir():
            second.mount(output.name, output)
        second.succeed("data_inspection")
        found: dict[str, Any] = second.json("inspection/inspection.json")
        return found

    return inspect


@pytest.mark.parametrize("content_type", ["text/csv", "application/x-recordio-protobuf"])
def test_iris(inspected: Any, iris_csv: str, content_type: str) -> None:
    found = inspected({"iris.csv": iris_csv}, *IRIS, "--content-type", content_type)
    assert found["rows"] == {"train": 112, "test": 38}
    assert found["image_shape"] is None
    assert sum(found["class_balance"]["train"].values()) == 112
    assert found["class_balance"]["test"] == {"0": 13, "1": 16, "2": 9}
    samples = np.array(found["samples"]["features"])
    assert samples.shape == (112, 4)
    assert np.isin(samples[:, 0], load_iris().data[:, 0]).all()  # 5.1 and not 5.099999904632568
    petal = found["features"][2]
    assert petal["name"] == "Petal.Length"
    assert petal["mean"] == pytest.approx(samples[:, 2].mean(), abs=1e-6)
    assert petal["std"] == pytest.approx(samples[:, 2].std(), abs=1e-6)
    assert (petal["min"], petal["max"]) == pytest.approx((samples[:, 2].min(), samples[:, 2].max()))


def test_digits(inspected: Any, digits_idx: dict[str, bytes]) -> None:
    found = inspected(digits_idx, *MNIST)
    assert found["rows"] == {"train": 1250, "validation": 250, "test": 297}
    assert found["image_shape"] == [8, 8]
    assert found["class_names"] == ["not 0", "0"]
    assert found["samples"]["labels"].count(1) == 50
    assert len(found["samples"]["features"]) == 100
    assert found["features"][0] == {
        "name": "pixel_0_0",
        "min": 0,
        "max": 0,
        "mean": 0,
        "std": 0,
        "zeros": 1250,
    }


@pytest.mark.slow
def test_the_real_mnist(inspected: Any, mnist_path: Path) -> None:
    found = inspected({"mnist.pkl.gz": mnist_path.read_bytes()}, *MNIST)
    assert found["class_balance"]["test"] == {"0": 9020, "1": 980}
    assert found["rows"]["train"] == 50_000
    assert len(found["features"]) == 784


TABLES = arrays(
    np.float32, st.tuples(st.integers(1, 20), st.integers(1, 3)), elements=st.floats(-100, 100, width=32)
)


@given(TABLES, st.integers(1, 7))
def test_statistics_do_not_depend_on_the_batches(table: np.ndarray[Any, Any], step: int) -> None:
    statistics = FeatureStatistics(table.shape[1])
    for first in range(0, len(table), step):
        statistics.add(table[first : first + step])
    names = [f"f{index}" for index in range(table.shape[1])]
    for column, found in zip(table.astype(np.float64).T, statistics.described(names), strict=True):
        assert found["mean"] == pytest.approx(column.mean(), abs=1e-9)
        assert found["std"] == pytest.approx(column.std(), abs=1e-5)
        assert (found["min"], found["max"], found["zeros"]) == (
            column.min(),
            column.max(),
            (column == 0).sum(),
        )


def test_a_rare_class_has_its_samples() -> None:
    sample = StratifiedSample(limit=10, classes=3)
    labels = np.array([0] * 50 + [1, 1] + [2] * 50)
    features = np.arange(102, dtype=np.float32).reshape(102, 1)
    sample.add(features[:60], labels[:60], 0)
    sample.add(features[60:], labels[60:], 60)
    found = sample.described()
    assert [found["labels"].count(label) for label in range(3)] == [4, 2, 4]
    assert found["features"] == sorted(found["features"])


@pytest.fixture
def channels(job: Any, dataset_json: Callable[..., str]) -> Any:
    """A job with two rows of two features in each channel, as CSV."""
    job.put("dataset/dataset.json", dataset_json(2, ["no", "yes"]))
    job.put("train/train.csv", "0,1.5,2\n1,3,4\n")
    job.put("test/test.csv", "1,2\n3,4\n")
    job.put("test_labels/labels.csv", "0\n1\n")
    return job


def test_hand_made_channels_are_inspected(channels: Any) -> None:
    channels.succeed("data_inspection")
    assert channels.json("inspection/inspection.json")["samples"] == {
        "features": [[1.5, 2.0], [3.0, 4.0]],
        "labels": [0, 1],
    }


@pytest.mark.parametrize(
    ("relative", "content", "told"),
    [
        ("train/train.csv", "0,1,2\n1,nan,4\n", "train.csv row 2: a feature is not a finite float32 number"),
        ("train/train.csv", "0,1,1e39\n", "train.csv row 1: a feature is not a finite float32 number"),
        ("train/train.csv", "0,1,2,3\n", "train.csv row 1: 3 features, not 2"),
        ("train/train.csv", "0,1,2\n2,3,4\n", "row 2: the label 2.0 is not one of 0 to 1"),
        ("train/train.csv", "0,1,2\n0.5,3,4\n", "row 2: the label 0.5 is not one of 0 to 1"),
        ("train/train.csv", "0,one,2\n", "train.csv: could not convert string 'one' to float64"),
        ("train/train.csv", "0,1,2\n1,2\n", "train.csv: the number of columns changed from 3 to 2"),
        ("train/train.csv", "", "train: the channel has no rows; run data conversion again"),
        ("train/second.csv", "0,1,2\n", "train: 2 files, but a channel is one"),
        ("test/test.csv", "1,2\n", "test: 1 rows, but test_labels has 2"),
        ("test_labels/labels.csv", "0\none\n", "labels.csv line 2: 'one' is not a label of 0 to 1"),
        ("test_labels/labels.csv", "", "labels.csv: the file is empty"),
        ("test_labels/labels.csv", b"\xff", "labels.csv: not a text of numbers"),
        ("dataset/dataset.json", "{", "dataset.json: not JSON"),
        ("dataset/dataset.json", "[" * 100_000, "dataset.json: not JSON"),
        ("dataset/dataset.json", "[]", "dataset.json: a JSON object is wanted, not list"),
        ("dataset/dataset.json", "{}", "dataset.json: 'rows' is None, not a dict"),
    ],
)
def test_a_wrong_channel_is_told(
    channels: Any, failure: Failure, relative: str, content: str | bytes, told: str
) -> None:
    channels.put(relative, content)
    assert told in failure(inspect_channels)
    assert not channels.output.exists()


@pytest.mark.parametrize("name", ["train", "test", "test_labels", "dataset"])
def test_a_missing_channel_is_named(channels: Any, failure: Failure, name: str) -> None:
    for path in (channels.input / name).iterdir():
        path.unlink()
    told = failure(inspect_channels)
    assert f"input/{name}" in told
    assert "no file in it" in told or "no such file" in told


def test_a_truncated_recordio_channel_is_named(channels: Any, failure: Failure) -> None:
    (channels.input / "train" / "train.csv").unlink()
    features = np.ones((2, 2), dtype=np.float32)
    channels.put("train/train.pbr", encode_dense(features, np.zeros(2, dtype=np.float32))[:-3])
    told = failure(inspect_channels)
    assert "train/train.pbr: " in told
    assert "run data conversion again" in told


def test_a_recordio_channel_without_labels_is_named(channels: Any, failure: Failure) -> None:
    (channels.input / "train" / "train.csv").unlink()
    channels.put("train/train.pbr", encode_dense(np.ones((2, 2), dtype=np.float32)))
    assert "train.pbr row 1: the record has no label" in failure(inspect_channels)
