"""Splits of a data set: rows with labels, how they are cut into train, validation and test, and checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.container import InputError

PIXEL_MAXIMUM = np.float32(255)
BATCH_VALUES = 512 * 1024
"""Values in one batch of rows: 2 MiB of float32, whatever the width."""

Places = npt.NDArray[np.uint32]
"""Row numbers: 4 bytes each, as many as a table has rows."""


@dataclass(frozen=True)
class Split:
    """Rows with labels, as they were read.

    features: shape (rows, feature_dim); float32, float64, or uint8 for pixels (0 to 255).
    labels: int64, shape (rows,), class indices.
    """

    features: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Rows."""
        return len(self.labels)

    def rows(self, first: int, last: int) -> Split:
        """Rows `first` up to and without `last`, as views."""
        return Split(self.features[first:last], self.labels[first:last])

    def batches(self, name: str) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
        """Return the rows in order, some at a time, with features as finite float32 (pixels within 0 to 1).

        Raises InputError, naming split, row and column (from 1), at a value that float32 cannot hold.
        """
        step = max(1, BATCH_VALUES // max(1, self.features.shape[1]))
        for first in range(0, len(self), step):
            batch = self.features[first : first + step]
            yield _as_float32(batch, name, first), self.labels[first : first + step]


def _as_float32(batch: npt.NDArray[Any], name: str, first: int) -> npt.NDArray[np.float32]:
    if batch.dtype == np.uint8:
        pixels: npt.NDArray[np.float32] = np.divide(batch, PIXEL_MAXIMUM, dtype=np.float32)
        return pixels
    with np.errstate(over="ignore"):  # what becomes infinite is refused just below, with its place
        values = np.ascontiguousarray(batch, dtype=np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise InputError(
            f"the {name} split, row {first + row + 1}, column {column + 1}: {batch[row, column]} "
            "is not a finite float32 number; remove the row or fill the value in"
        )
    return values


def check_labels(labels: npt.NDArray[np.integer[Any]], classes: int, culprit: str) -> npt.NDArray[np.int64]:
    """Labels as int64, every one of them in 0 … classes-1; InputError names the first other and its row."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{culprit} row {row + 1}: the label {labels[row]} is not one of 0 to {classes - 1}; correct it"
        )
    return labels.astype(np.int64)


def check_not_empty(splits: dict[str, Split], source: str) -> None:
    """Refuse a split without a row: an algorithm cannot train on it, nor an evaluation use it."""
    for name, split in splits.items():
        if len(split) == 0:
            raise InputError(f"{source}: the {name} split has no rows; give more data or another split size")


def missing_class_warnings(splits: dict[str, Split], class_names: list[str]) -> list[str]:
    """One sentence for each class that a split has no row of."""
    warnings = []
    for name, split in splits.items():
        counts = np.bincount(split.labels, minlength=len(class_names))
        warnings += [
            f"the {name} split has no row of class {index} ({class_names[index]})"
            for index in np.flatnonzero(counts == 0)
        ]
    return warnings


def one_against_rest(splits: dict[str, Split], positive: int) -> dict[str, Split]:
    """Return the same rows with label 1 where the class was `positive` and 0 elsewhere."""
    return {
        name: Split(split.features, (split.labels == positive).astype(np.int64))
        for name, split in splits.items()
    }


def hold_out_last_sixth(train: Split, test: Split) -> dict[str, Split]:
    """Train and test as given, but for the last sixth of train, which becomes validation.

    That is how the 60,000 training images of MNIST became the 50,000 and 10,000 of `mnist.pkl.gz`.
    """
    kept = len(train) - len(train) // 6
    splits = {"train": train.rows(0, kept), "validation": train.rows(kept, len(train)), "test": test}
    if not len(splits["validation"]):
        del splits["validation"]
    return splits


def shuffled_places(
    rows: int, *, test_size: float, validation_size: float, random_state: int, source: str
) -> dict[str, Places]:
    """Return each split's row numbers, cut as scikit-learn's `train_test_split(shuffle=True)` does.

    `test_size` and `validation_size` are fractions of all rows; validation is cut from what test left,
    with the same random state, and is absent where its size is 0. Raises InputError where a split would be
    empty.
    """
    test_rows = math.ceil(test_size * rows)
    validation_rows = math.ceil(validation_size * rows)
    train_rows = rows - test_rows - validation_rows
    if test_rows < 1 or train_rows < 1:
        raise InputError(
            f"{source}: {rows} rows cannot be split into train, validation and test with --test-size "
            f"{test_size} and --validation-size {validation_size}: train would have "
            f"{max(train_rows, 0)} and test {test_rows}; give more rows or other sizes"
        )
    order = _shuffled(rows, random_state)
    places = {"test": order[:test_rows]}
    rest = order[test_rows:]
    if validation_rows:
        rest = rest[_shuffled(len(rest), random_state)]
        places["validation"], rest = rest[:validation_rows], rest[validation_rows:]
    places["train"] = rest
    return {name: places[name] for name in ("train", "validation", "test") if name in places}


def shuffled_split(
    rows: Split, *, test_size: float, validation_size: float, random_state: int, source: str
) -> dict[str, Split]:
    """Return rows in the splits, and the order, of `shuffled_places`."""
    places = shuffled_places(
        len(rows),
        test_size=test_size,
        validation_size=validation_size,
        random_state=random_state,
        source=source,
    )
    return {name: Split(rows.features[chosen], rows.labels[chosen]) for name, chosen in places.items()}


def _shuffled(rows: int, random_state: int) -> Places:
    """Return 0 … rows-1 as `RandomState.permutation` orders them, and scikit-learn, in half the memory."""
    order = np.arange(rows, dtype=np.uint32)
    np.random.RandomState(random_state).shuffle(order)
    return order
