"""Processing job: class balance, statistics of each feature and sample rows of the channels, for the report.

    python -m processing.data_inspection

Reads `input/{train,validation,test,test_labels,dataset}/` (validation where there is one) and writes
`output/inspection/inspection.json`:

    {"class_names": […], "class_balance": {"train": {"0": rows, …}, "validation": …, "test": …},
     "features": [{"name", "min", "max", "mean", "std", "zeros"}, …],     of the train channel
     "image_shape": [height, width] | null, "rows": {"train": rows, …},
     "samples": {"features": [[…], …], "labels": […]}}                    of the train channel

A data set with more features than `dataset.json` names has no features and no samples here.
It streams: memory is bounded by one batch and the samples, whatever the length of a channel.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.channels import Rows, plain_floats, read_channel, read_labels
from processing.container import Arguments, InputError, run, write_json
from processing.dataset import Dataset, read_dataset

IMAGE_SAMPLES = 100
TABLE_SAMPLES = 500


class FeatureStatistics:
    """Count, extremes, mean and deviation of each column, over batches of rows.

    Mean and sum of squared differences are merged by the pairwise update of Chan, Golub and LeVeque (1979),
    which does not cancel as the textbook's sum of squares does. The deviation is the population's (divided by
    rows).
    """

    def __init__(self, feature_dim: int) -> None:
        self.rows = 0
        self.mean = np.zeros(feature_dim)
        self.squares = np.zeros(feature_dim)
        self.minimum = np.full(feature_dim, np.inf)
        self.maximum = np.full(feature_dim, -np.inf)
        self.zeros = np.zeros(feature_dim, dtype=np.int64)

    def add(self, features: npt.NDArray[np.float32]) -> None:
        """Take in rows of shape (n, feature_dim), n >= 1."""
        count = len(features)
        mean = features.mean(axis=0, dtype=np.float64)
        difference = mean - self.mean
        total = self.rows + count
        self.squares += np.square(features - mean).sum(axis=0)
        self.squares += np.square(difference) * (self.rows * count / total)
        self.mean += difference * (count / total)
        self.rows = total
        self.minimum = np.minimum(self.minimum, features.min(axis=0))
        self.maximum = np.maximum(self.maximum, features.max(axis=0))
        self.zeros += count - np.count_nonzero(features, axis=0)

    def described(self, names: list[str]) -> list[dict[str, Any]]:
        """One dictionary a feature, in the order of `names`."""
        deviation = np.sqrt(self.squares / self.rows)
        columns = (self.minimum, self.maximum, self.mean, deviation, self.zeros)
        keys = ("name", "min", "max", "mean", "std", "zeros")
        rows = zip(names, *(column.tolist() for column in columns), strict=True)
        return [dict(zip(keys, row, strict=True)) for row in rows]


class StratifiedSample:
    """The first rows of every class, shared out evenly: what a class lacks goes to the others.

    limit: rows in the whole sample. Rows keep the channel's order.
    """

    def __init__(self, limit: int, classes: int) -> None:
        self.limit = limit
        self.kept: list[list[tuple[int, npt.NDArray[np.float32]]]] = [[] for _ in range(classes)]

    def add(self, features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], first: int) -> None:
        """Take in rows, the first of which is number `first` of the channel."""
        for label, kept in enumerate(self.kept):
            wanted = self.limit - len(kept)
            if wanted:
                kept += [
                    (first + int(row), features[row].copy())
                    for row in np.flatnonzero(labels == label)[:wanted]
                ]

    def described(self) -> dict[str, Any]:
        """`features`, rows of numbers, and `labels`."""
        rows: list[tuple[int, int, npt.NDArray[np.float32]]] = []
        classes = sorted(enumerate(self.kept), key=lambda item: len(item[1]))
        for position, (label, kept) in enumerate(classes):
            share = (self.limit - len(rows)) // (len(classes) - position)
            rows += [(number, label, features) for number, features in kept[:share]]
        rows.sort(key=lambda row: row[0])
        features = plain_floats(np.array([features for _, _, features in rows], dtype=np.float32))
        return {"features": features, "labels": [label for _, label, _ in rows]}


def inspect_channels(arguments: Sequence[str], processing: Path) -> None:
    """Inspect the channels below `processing/input`; there are no `arguments`."""
    Arguments(prog="data_inspection", description="Statistics of channels.").parse_args(arguments)
    source = processing / "input"
    dataset = read_dataset(source / "dataset")
    classes = len(dataset.class_names)
    statistics = FeatureStatistics(0 if dataset.wide else dataset.feature_dim)
    sample = StratifiedSample(IMAGE_SAMPLES if dataset.image_shape else TABLE_SAMPLES, classes)
    counts = {"train": np.zeros(classes, dtype=np.int64)}
    for rows in read_channel(source / "train", dataset, labelled=True):
        labels = _labels(rows)
        counts["train"] += np.bincount(labels, minlength=classes)
        if isinstance(rows.features, np.ndarray) and not dataset.wide:
            sample.add(rows.features, labels, statistics.rows)
            statistics.add(rows.features)
    if not counts["train"].any():
        raise InputError(f"{source / 'train'}: the channel has no rows; run data conversion again")
    if "validation" in dataset.rows:
        counts["validation"] = _balance(source / "validation", dataset)
    counts["test"] = _test_balance(source, dataset)
    balance = {
        name: {str(label): count for label, count in enumerate(c.tolist())} for name, c in counts.items()
    }
    content = {
        "class_names": dataset.class_names,
        "class_balance": balance,
        "features": [] if dataset.wide else statistics.described(dataset.feature_names),
        "image_shape": dataset.image_shape,
        "samples": sample.described(),
        "rows": {name: int(count.sum()) for name, count in counts.items()},
    }
    write_json(processing / "output" / "inspection" / "inspection.json", content)


def _balance(folder: Path, dataset: Dataset) -> npt.NDArray[np.int64]:
    classes = len(dataset.class_names)
    counts = np.zeros(classes, dtype=np.int64)
    for rows in read_channel(folder, dataset, labelled=True):
        counts += np.bincount(_labels(rows), minlength=classes)
    return counts


def _test_balance(source: Path, dataset: Dataset) -> npt.NDArray[np.int64]:
    classes = len(dataset.class_names)
    labels = read_labels(source / "test_labels", classes)
    rows = sum(rows.features.shape[0] for rows in read_channel(source / "test", dataset, labelled=False))
    if rows != len(labels):
        raise InputError(
            f"{source / 'test'}: {rows} rows, but test_labels has {len(labels)}; "
            "mount one data conversion's output"
        )
    counts: npt.NDArray[np.int64] = np.bincount(labels, minlength=classes).astype(np.int64)
    return counts


def _labels(rows: Rows) -> npt.NDArray[np.int64]:
    assert rows.labels is not None
    return rows.labels


if __name__ == "__main__":
    sys.exit(run(inspect_channels))
