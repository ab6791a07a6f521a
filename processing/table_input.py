"""What a table is before it is converted: its schema, classes, treatment, and which row is in which split."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from processing.container import InputError
from processing.raw_data import RawData
from processing.readers import RawImages
from processing.readers.csv_table import SUFFIXES, CsvTable, header_of
from processing.readers.image_table import ImageTable, pixel_schema
from processing.rearrangement import NAMES, Membership, Rearrangement
from processing.recipe.plan import read_recipe
from processing.schema import BINARY, BINARY_WORDS, CATEGORICAL, NUMERIC, Schema, listed, read_schema
from processing.splits import shuffled_places
from processing.table_conversion import CountedTable, find_classes
from processing.treatment import Treatment

TRAINING_SHARE = 0.7
"""What trains where neither the data nor the user says: Amazon Machine Learning's share."""
GREY_MAXIMUM = 255


@dataclass(frozen=True)
class TableInput:
    """A table, and all that its conversion needs. labels: the target's value → label."""

    table: CountedTable
    treatment: Treatment
    labels: dict[str, int]
    membership: Membership
    image_shape: list[int] | None
    files: list[Path]
    format: str


def csv_input(raw: RawData, options: Namespace, split: Rearrangement | None) -> TableInput:
    """Return what a CSV file is, by its schema, or by its header where it has none."""
    path = raw.only(*SUFFIXES)
    schema = _with_target(raw.schema) if raw.schema else header_schema(path, options)
    recipe = read_recipe(raw.recipe) if raw.recipe else None
    shape = _image_shape(schema) if recipe is None else None
    table = CsvTable(path, schema)
    given = (shape is not None and raw.schema is None) or (
        options.format == "csv" and schema.target == options.label_column
    )
    if given and options.classes:
        class_names, rows = list(options.classes), table.count()
    else:
        class_names, rows = find_classes(table, schema)
    if len(class_names) < options.minimum_classes:
        raise InputError(
            f"{path}: the target {schema.target!r} has {len(class_names)} classes, {', '.join(class_names)}, "
            f"but the task is for {options.minimum_classes} or more; give rows of more classes, or run a "
            "task of your own for two (docs/data.md)"
        )
    treatment = Treatment(
        schema, class_names, options.content_type, recipe, GREY_MAXIMUM if shape is not None else None
    )
    treatment.outputs(raw.recipe.name if raw.recipe else "")
    membership = _membership(rows, options, split, str(path))
    labels = _labels(class_names, schema)
    return TableInput(table, treatment, labels, membership, shape, [path], "csv")


def _labels(class_names: Sequence[str], schema: Schema) -> dict[str, int]:
    """Return the target's value → label; every spelling of a BINARY value has the label of its class."""
    labels = {name: index for index, name in enumerate(class_names)}
    if schema.target is not None and schema.types[schema.target] == BINARY:
        meant = {BINARY_WORDS.get(name.lower()): index for name, index in labels.items()}
        spelt = {word: meant[value] for word, value in BINARY_WORDS.items() if value in meant}
        return {**{name.lower(): index for name, index in labels.items()}, **spelt}
    return labels


def _membership(rows: int, options: Namespace, split: Rearrangement | None, source: str) -> Membership:
    if split is None and options.format == "csv":
        places = shuffled_places(
            rows,
            test_size=options.test_size,
            validation_size=options.validation_size,
            random_state=options.random_state,
            source=source,
        )
        found = np.empty(rows, dtype=np.uint8)
        for name, chosen in places.items():
            found[chosen] = NAMES.index(name)
        return found
    rule = split or Rearrangement(0, TRAINING_SHARE)
    return rule.membership(rows, options.validation_size, source)


def image_input(
    raw: RawData, images: RawImages, class_names: list[str], options: Namespace, split: Rearrangement | None
) -> TableInput:
    """Return images as the table that a schema and a recipe speak of."""
    height, width = images.image_shape
    schema = _with_target(raw.schema) if raw.schema else pixel_schema(height * width)
    recipe = read_recipe(raw.recipe) if raw.recipe else None
    table = ImageTable(images, schema)
    treatment = Treatment(schema, class_names, options.content_type, recipe)
    treatment.outputs(raw.recipe.name if raw.recipe else "")
    membership = table.membership()
    if split is not None:
        membership = split.membership(table.count(), options.validation_size, table.source)
    return TableInput(table, treatment, image_labels(options), membership, None, images.files, images.format)


def image_labels(options: Namespace) -> dict[str, int]:
    """Return digit → label: itself, or 1 for the positive class and 0 for all others."""
    positive = options.positive_class
    return {str(digit): digit if positive is None else int(digit == positive) for digit in range(10)}


def header_schema(path: Path, options: Namespace) -> Schema:
    """Return the schema of a file that has none: the label column is a class, all others are numbers."""
    names, label_column = header_of(path), options.label_column
    if label_column not in names:
        raise InputError(
            f"{path}: no column {label_column!r} among {listed(names)}; rows without a label are for "
            "`trainyard predict`; for another layout give a schema (`trainyard schema` writes one)"
        )
    if len(set(names)) < len(names) or not all(names):
        culprit = next(name for name in names if not name or names.count(name) > 1)
        raise InputError(f"{path}: the column {culprit!r} is there twice or has no name; rename it")
    types = {name: CATEGORICAL if name == label_column else NUMERIC for name in names}
    wanted = dict.fromkeys(options.feature_columns or names)
    for name in wanted:
        if name not in types:
            raise InputError(f"{path}: no column {name!r} among {listed(names)}; add it, or name another")
    excluded = tuple(name for name in names if name not in wanted and name != label_column)
    return Schema(types, label_column, excluded=excluded)


def _with_target(path: Path) -> Schema:
    schema = read_schema(path)
    if schema.target is None:
        raise InputError(f"{path}: no targetAttributeName; name the attribute that is to be learnt")
    return schema


def _image_shape(schema: Schema) -> list[int] | None:
    """Return [side, side] where the inputs are Kaggle's `pixel0`, `pixel1`, … of a square, else None."""
    inputs = schema.inputs
    side = math.isqrt(len(inputs))
    square = side * side == len(inputs) and side > 1
    pixels = all(
        kind == NUMERIC and name == f"pixel{number}" for number, (name, kind) in enumerate(inputs.items())
    )
    return [side, side] if square and pixels else None


def describe(found: TableInput) -> dict[str, Any]:
    """Return the part of `dataset.json` that does not depend on the conversion."""
    return {
        "class_names": found.treatment.class_names,
        "image_shape": found.image_shape,
        "source": {"files": [path.name for path in found.files], "format": found.format},
    }
