"""Processing job: raw data to the channels that training, batch transform and evaluation read.

    python -m processing.data_conversion --format mnist [--positive-class 0] --content-type TYPE
    python -m processing.data_conversion --format csv --label-column Species
        --classes setosa,versicolor,virginica [--feature-columns a,b] [--test-size 0.25] [--validation-size 0]
        [--random-state 0] --content-type TYPE
    python -m processing.data_conversion --format auto --label-column label --classes 0,1,2,3,4,5,6,7,8,9 …

Reads `input/raw/` and writes `output/{train,validation,test,test_labels,dataset}/` below the processing
folder; validation only where there is one. A schema and a recipe beside the data say how to treat its columns
(`processing.raw_data`), and `--split` says which rows train (`processing.rearrangement`). `treatment.json`
says how, and `dataset.json` comes last: where it is, the channels are whole.
"""

from __future__ import annotations

import gc
import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from processing.array_conversion import CLASSES, convert_arrays, image_classes, read_images
from processing.channels import CSV, RECORDIO
from processing.container import Arguments, run, visible_files, warn
from processing.dataset import Dataset
from processing.raw_data import RawData, sort_out
from processing.rearrangement import AUTO, Rearrangement, parse_rearrangement
from processing.table_conversion import class_warnings, convert_table
from processing.table_input import csv_input, describe, image_input
from processing.treatment import Treatment

ARRAY_BYTES = 64 * 1024 * 1024
"""Size of a CSV file up to which its rows are shuffled in memory, rather than streamed in their order."""


def convert(arguments: Sequence[str], processing: Path) -> None:
    """Convert what is in `processing/input/raw` with the command line's `arguments`."""
    options = parse(arguments)
    split = parse_rearrangement(options.split)
    raw = sort_out(visible_files(processing / "input" / "raw", "the raw data"))
    output = processing / "output"
    if _as_table(raw, options, split):
        dataset, treatment = _convert_table(raw, options, split, output)
    else:
        dataset, treatment = convert_arrays(raw, options, split, output)
    for warning in dataset.warnings:
        warn(f"{', '.join(dataset.source['files'])}: {warning}")
    treatment.write(output / "dataset")
    dataset.write(output / "dataset")


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
    parser.add_argument(
        "--minimum-classes", type=int, default=2, help="how many classes the algorithms need at least"
    )
    parser.add_argument("--feature-columns", type=_names, help="csv: features; without it all but the label")
    parser.add_argument("--split", default=AUTO, help="which rows train, such as 70 or fold=2/5,random")
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


def _as_table(raw: RawData, options: Namespace, split: Rearrangement | None) -> bool:
    """Tell a table, whose rows are streamed, from arrays that their format or their publisher bounds."""
    if raw.schema or raw.recipe:
        return True
    if options.format == "csv":
        return split is not None or raw.only(".csv").stat().st_size > ARRAY_BYTES
    return options.format == "auto" and raw.tabular


def _convert_table(
    raw: RawData, options: Namespace, split: Rearrangement | None, output: Path
) -> tuple[Dataset, Treatment]:
    if options.format == "csv" or (options.format == "auto" and raw.tabular):
        found = csv_input(raw, options, split)
    else:
        found = image_input(raw, read_images(raw), image_classes(options), options, split)
    converted = convert_table(found.table, found.treatment, found.labels, found.membership, output)
    dataset = Dataset(
        rows={name: int(count.sum()) for name, count in converted.counts.items()},
        feature_names=converted.feature_names,
        feature_dim=converted.feature_dim,
        one_hot=converted.one_hot,
        content_type=options.content_type,
        warnings=[*class_warnings(converted.counts, found.treatment.class_names), *converted.warnings],
        **describe(found),
    )
    return dataset, converted.treatment


if __name__ == "__main__":
    # Rows are millions of lists and no cycles: looking for these would take half of the time.
    gc.disable()
    sys.exit(run(convert))
