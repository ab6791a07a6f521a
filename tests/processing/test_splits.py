"""Rows are cut as scikit-learn cuts them, and no split may be empty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from processing.container import InputError
from processing.splits import (
    Split,
    check_not_empty,
    hold_out_last_sixth,
    missing_class_warnings,
    one_against_rest,
    shuffled_split,
)


def numbered(rows: int) -> Split:
    return Split(np.arange(rows, dtype=np.float64).reshape(rows, 1), np.arange(rows, dtype=np.int64) % 3)


def cut(rows: int, test_size: float = 0.25, validation_size: float = 0.0) -> dict[str, Split]:
    return shuffled_split(
        numbered(rows),
        test_size=test_size,
        validation_size=validation_size,
        random_state=0,
        source="iris.csv",
    )


def test_the_split_is_scikit_learns() -> None:
    splits = cut(150)
    train, test = train_test_split(np.arange(150), shuffle=True, random_state=0)
    assert list(splits) == ["train", "test"]
    np.testing.assert_array_equal(splits["train"].features[:, 0], train)
    np.testing.assert_array_equal(splits["test"].features[:, 0], test)
    assert len(splits["test"]) == 38


def test_validation_leaves_the_test_rows_as_they_are() -> None:
    splits = cut(150, validation_size=0.1)
    assert {name: len(split) for name, split in splits.items()} == {"train": 97, "validation": 15, "test": 38}
    np.testing.assert_array_equal(splits["test"].features, cut(150)["test"].features)
    every = np.concatenate([split.features[:, 0] for split in splits.values()])
    np.testing.assert_array_equal(np.sort(every), np.arange(150))


@pytest.mark.parametrize(("rows", "test_size", "validation_size"), [(1, 0.25, 0), (10, 0, 0), (10, 0.5, 0.5)])
def test_an_empty_split_is_refused(rows: int, test_size: float, validation_size: float) -> None:
    with pytest.raises(InputError, match=rf"iris\.csv: {rows} rows cannot be split.*give more rows"):
        cut(rows, test_size, validation_size)


def test_a_published_split_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="the test split has no rows"):
        check_not_empty({"train": numbered(3), "test": numbered(0)}, "mnist.pkl.gz")


def test_the_last_sixth_is_held_out_where_there_is_one() -> None:
    splits = hold_out_last_sixth(numbered(60), numbered(10))
    assert {name: len(split) for name, split in splits.items()} == {"train": 50, "validation": 10, "test": 10}
    assert list(hold_out_last_sixth(numbered(5), numbered(1))) == ["train", "test"]


def test_one_class_against_the_rest() -> None:
    np.testing.assert_array_equal(one_against_rest({"train": numbered(4)}, 0)["train"].labels, [1, 0, 0, 1])


def test_a_class_without_rows_is_warned_of() -> None:
    warnings = missing_class_warnings({"train": numbered(2)}, ["setosa", "versicolor", "virginica"])
    assert warnings == ["the train split has no row of class 2 (virginica)"]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_value_that_float32_cannot_hold_is_named(value: float) -> None:
    features = np.zeros((5, 3))
    features[3, 1] = value
    with pytest.raises(
        InputError, match=r"the train split, row 4, column 2: .* is not a finite float32 number"
    ):
        list(Split(features, np.zeros(5, dtype=np.int64)).batches("train"))


def test_pixels_are_scaled_to_one() -> None:
    split = Split(np.array([[0, 51, 255]], dtype=np.uint8), np.zeros(1, dtype=np.int64))
    ((features, _),) = split.batches("train")
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, np.float32([[0, 0.2, 1]]))
