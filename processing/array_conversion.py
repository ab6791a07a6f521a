"""Images and small tables to channels: arrays in memory, split as their publisher did."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from processing.channels import write_channel, write_labels
from processing.dataset import Dataset
from processing.raw_data import PICKLE_SUFFIXES, RawData
from processing.readers import RawImages
from processing.readers.csv_file import Columns, read_csv
from processing.readers.idx import read_mnist_idx
from processing.readers.image_table import pixel_maximum, pixel_schema
from processing.readers.mnist_pickle import CLASSES, read_mnist_pickle
from processing.rearrangement import NAMES, Rearrangement
from processing.schema import CATEGORICAL, NUMERIC, Schema
from processing.splits import (
    Split,
    check_not_empty,
    missing_class_warnings,
    one_against_rest,
    shuffled_split,
)
from processing.treatment import Treatment

__all__ = ["CLASSES", "convert_arrays", "image_classes", "read_images"]


def convert_arrays(
    raw: RawData, options: Namespace, split: Rearrangement | None, output: Path
) -> tuple[Dataset, Treatment]:
    """Write the channels of images, or of the table that `--label-column` and `--classes` describe."""
    splits, treatment, description = (
        _table(raw, options) if options.format == "csv" else _images(raw, options, split)
    )
    check_not_empty(splits, ", ".join(description["source"]["files"]))
    for name, rows in splits.items():
        write_channel(output / name, name, rows, options.content_type, labelled=name != "test")
    write_labels(output / "test_labels", splits["test"].labels)
    dataset = Dataset(
        rows={name: len(rows) for name, rows in splits.items()},
        class_names=treatment.class_names,
        feature_dim=len(description["feature_names"]),
        content_type=options.content_type,
        warnings=missing_class_warnings(splits, treatment.class_names),
        **description,
    )
    return dataset, treatment


def read_images(raw: RawData) -> RawImages:
    """Return the images of the IDX files, or else of the pickle."""
    return read_mnist_idx(raw.images) if raw.images else read_mnist_pickle(raw.only(*PICKLE_SUFFIXES))


def image_classes(options: Namespace) -> list[str]:
    """Return the names of the labels that digits are given."""
    if options.positive_class is None:
        return [str(digit) for digit in range(CLASSES)]
    return [f"not {options.positive_class}", str(options.positive_class)]


def _table(raw: RawData, options: Namespace) -> tuple[dict[str, Split], Treatment, dict[str, Any]]:
    path = raw.only(".csv")
    table = read_csv(path, Columns(options.label_column, options.classes, options.feature_columns))
    splits = shuffled_split(
        table.rows,
        test_size=options.test_size,
        validation_size=options.validation_size,
        random_state=options.random_state,
        source=str(path),
    )
    types = {**dict.fromkeys(table.feature_names, NUMERIC), options.label_column: CATEGORICAL}
    treatment = Treatment(Schema(types, options.label_column), list(options.classes), options.content_type)
    return (
        splits,
        treatment,
        {
            "feature_names": table.feature_names,
            "image_shape": None,
            "source": {"files": [path.name], "format": "csv"},
        },
    )


def _images(
    raw: RawData, options: Namespace, split: Rearrangement | None
) -> tuple[dict[str, Split], Treatment, dict[str, Any]]:
    images = read_images(raw)
    height, width = images.image_shape
    treatment = Treatment(
        pixel_schema(height * width),
        image_classes(options),
        options.content_type,
        pixel_maximum=pixel_maximum(images),
    )
    splits = images.splits
    if split is not None:
        splits = _rearranged(splits, split, options.validation_size, ", ".join(p.name for p in images.files))
    if options.positive_class is not None:
        splits = one_against_rest(splits, options.positive_class)
    return (
        splits,
        treatment,
        {
            "feature_names": [f"pixel_{row}_{column}" for row in range(height) for column in range(width)],
            "image_shape": list(images.image_shape),
            "source": {"files": [path.name for path in images.files], "format": images.format},
        },
    )


def _rearranged(
    splits: dict[str, Split], split: Rearrangement, validation_size: float, source: str
) -> dict[str, Split]:
    """Pool the publisher's splits, in the order train, validation, test, and cut anew."""
    pooled = [splits[name] for name in NAMES if name in splits]
    features = np.concatenate([rows.features for rows in pooled])
    labels = np.concatenate([rows.labels for rows in pooled])
    membership = split.membership(len(labels), validation_size, source)
    places = {name: np.flatnonzero(membership == place) for place, name in enumerate(NAMES)}
    return {name: Split(features[rows], labels[rows]) for name, rows in places.items() if len(rows)}
