"""What a channel's writer wrote, its reader gives back; any other bytes are refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from processing import channels, splits
from processing.container import InputError
from processing.dataset import Dataset

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TABLES = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=FLOATS)
CONTENT_TYPES = st.sampled_from([channels.RECORDIO, channels.CSV])


def dataset(features: int, classes: int = 3) -> Dataset:
    names = [f"f{index}" for index in range(features)]
    return Dataset({"train": 1}, [f"c{index}" for index in range(classes)], names, None, "text/csv", {})


@given(TABLES, CONTENT_TYPES, st.booleans(), st.data())
def test_rows_survive_a_channel(
    table: np.ndarray[Any, Any], content_type: str, labelled: bool, data: st.DataObject
) -> None:
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(table), max_size=len(table))))
    with tempfile.TemporaryDirectory() as folder:
        split = splits.Split(table, labels)
        channels.write_channel(Path(folder), "train", split, content_type, labelled=labelled)
        read = list(channels.read_channel(Path(folder), dataset(table.shape[1]), labelled=labelled))
        np.testing.assert_array_equal(np.concatenate([rows.features for rows in read]), table)
        if labelled:
            np.testing.assert_array_equal(np.concatenate([rows.labels for rows in read]), labels)
        else:
            assert all(rows.labels is None for rows in read)


@pytest.mark.parametrize("content_type", [channels.RECORDIO, channels.CSV])
def test_a_channel_of_several_batches_keeps_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    monkeypatch.setattr(splits, "BATCH_VALUES", 6)
    monkeypatch.setattr(channels, "BATCH_VALUES", 10)
    table = np.arange(40, dtype=np.float32).reshape(20, 2)
    split = splits.Split(table, np.arange(20) % 3)
    channels.write_channel(tmp_path, "train", split, content_type, labelled=True)
    read = list(channels.read_channel(tmp_path, dataset(2), labelled=True))
    assert len(read) == 4
    np.testing.assert_array_equal(np.concatenate([rows.features for rows in read]), table)


def test_csv_channels_hold_the_shortest_numbers(tmp_path: Path) -> None:
    split = splits.Split(np.array([[5.1, 0.2], [1e-7, 3e20]]), np.array([2, 0]))
    channels.write_channel(tmp_path, "train", split, channels.CSV, labelled=True)
    assert (tmp_path / "train.csv").read_text() == "2,5.1,0.2\n0,1e-07,3e+20\n"


@given(
    st.binary(max_size=60) | st.text("0123456789.,-e\n", max_size=40).map(str.encode),
    st.sampled_from(["train.csv", "train.pbr"]),
    st.booleans(),
)
def test_any_bytes_are_rows_or_refused(content: bytes, name: str, labelled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            read = list(channels.read_channel(Path(folder), dataset(2), labelled=labelled))
        except InputError:
            return
        assert all(np.isfinite(rows.features).all() and rows.features.shape[1] == 2 for rows in read)
