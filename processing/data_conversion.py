"""Processing job: raw data to the channels that training, batch transform and evaluation read.

    python -m processing.data_conversion --format mnist [--positive-class 0] --content-type TYPE
    python -m processing.data_conversion --format csv --label-column Species
        --classes setosa,versicolor,virginica [--feature-columns a,b] [--test-size 0.25] [--validation-size 0]
        [--random-state 0] --content-type TYPE

Reads `input/raw/` and writes `output/{train,validation,test,test_labels,dataset}/` below the processing
folder; validation only where there is one. `dataset.json` comes last: where it is, the channels are whole.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from processing.channels import CSV, RECORDIO, write_channel, write_labels
from processing.container import Arguments, InputError, run, visible_files, warn
from processing.dataset import Dataset
from processing.readers import RawImages
from processing.readers.csv_file import Columns, read_csv
from processing.readers.idx import idx_files, read_mnist_idx
from processing.readers.mnist_pickle import CLASSES, read_mnist_pickle
from processing.splits import (
    Split,
    check_not_empty,
    missing_class_warnings,
    one_against_rest,
    shuffled_split,
)


def convert(arguments: Sequence[str], processing: Path) -> None:
    """Convert what is in `processing/input/raw` with the command line's `arguments`."""
    options = parse(arguments)
    files = visible_files(processing / "input" / "raw", "the raw data")
    read = _read_table if options.format == "csv" else _read_images
    splits, description = read(files, options)
    source = ", ".join(description["source"]["files"])
    check_not_empty(splits, source)
    dataset = Dataset(
        rows={name: len(split) for name, split in splits.items()},
        content_type=options.content_type,
        warnings=missing_class_warnings(splits, description["class_names"]),
        **description,
    )
    for warning in dataset.warnings:
        warn(f"{source}: {warning}")
    _write(splits, dataset, processing / "output")


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the command line's options; InputError for options that do not go together."""
    parser = Arguments(prog="data_conversion", description="Raw data to channels.", allow_abbrev=False)
    parser.add_argument("--format", choices=("auto", "mnist", "csv"), required=True)
    parser.add_argument("--content-type", choices=(RECORDIO, CSV), default=RECORDIO)
    parser.add_argument(
        "--positive-class", type=int, help="mnist: label 1 where the digit is this one, else 0"
    )
    parser.add_argument("--label-column", help="csv: the column that holds the class name")
    parser.add_argument(
        "--classes", type=_names, help="csv: class names; their order gives the labels 0, 1, …"
    )
    parser.add_argument("--feature-columns", type=_names, help="csv: features; without it all but the label")
    parser.add_argument("--test-size", type=_fraction, default=0.25, help="csv: fraction of all rows")
    parser.add_argument("--validation-size", type=_fraction, default=0.0, help="csv: fraction of all rows")
    parser.add_argument("--random-state", type=int, default=0, help="csv: seed of the shuffle")
    options: Namespace = parser.parse_args(arguments)
    if options.format == "csv" and not (options.label_column and options.classes):
        parser.error("--format csv needs --label-column and --classes")
    if options.positive_class is not None and not (
        options.format == "mnist" and 0 <= options.positive_class < CLASSES
    ):
        parser.error(f"--positive-class is a digit of 0 to {CLASSES - 1}, for --format mnist")
    if not 0 <= options.random_state < 2**32:
        parser.error("--random-state is a number of 0 to 4294967295")
    return options


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ArgumentTypeError(f"{text!r} is not a list of distinct names, separated by commas")
    return names


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text!r} is not a fraction from 0 to below 1")
    return value


def _read_table(files: list[Path], options: Namespace) -> tuple[dict[str, Split], dict[str, Any]]:
    path = _only(files, ".csv")
    table = read_csv(path, Columns(options.label_column, options.classes, options.feature_columns))
    splits = shuffled_split(
        table.rows,
        test_size=options.test_size,
        validation_size=options.validation_size,
        random_state=options.random_state,
        source=str(path),
    )
    return splits, {
        "class_names": options.classes,
        "feature_names": table.feature_names,
        "image_shape": None,
        "source": {"files": [path.name], "format": "csv"},
    }


def _read_images(files: list[Path], options: Namespace) -> tuple[dict[str, Split], dict[str, Any]]:
    parts = idx_files(files)
    images = read_mnist_idx(parts) if parts else read_mnist_pickle(_only(files, ".pkl.gz", ".pkl"))
    splits, class_names = images.splits, [str(digit) for digit in range(CLASSES)]
    if options.positive_class is not None:
        splits = one_against_rest(splits, options.positive_class)
        class_names = [f"not {options.positive_class}", str(options.positive_class)]
    return splits, {
        "class_names": class_names,
        "feature_names": _pixel_names(images),
        "image_shape": list(images.image_shape),
        "source": {"files": [path.name for path in images.files], "format": images.format},
    }


def _only(files: list[Path], *suffixes: str) -> Path:
    """Return the one file, or the one with a wanted ending among several."""
    wanted = [path for path in files if path.name.endswith(suffixes)] if len(files) > 1 else files
    if len(wanted) != 1:
        raise InputError(
            f"{files[0].parent}: {len(wanted)} files end with {' or '.join(suffixes)} among "
            f"{', '.join(path.name for path in files)}; put one there"
        )
    return wanted[0]


def _pixel_names(images: RawImages) -> list[str]:
    height, width = images.image_shape
    return [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]


def _write(splits: dict[str, Split], dataset: Dataset, output: Path) -> None:
    for name, split in splits.items():
        write_channel(output / name, name, split, dataset.content_type, labelled=name != "test")
    write_labels(output / "test_labels", splits["test"].labels)
    dataset.write(output / "dataset")


if __name__ == "__main__":
    sys.exit(run(convert))
