"""A table to channels, by schema, recipe and split: the rows are streamed, once for each thing to find out.

1. How many rows there are, and which classes, where these are not given: which row is in which split.
2. What the recipe learns from the rows that train; as often as its functions depend on each other.
3. The features of every row, written to its split's channel in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from processing.channels import LABELS_FILE, SUFFIXES, write_rows
from processing.container import InputError, whole_file
from processing.readers.table import Block
from processing.rearrangement import NAMES, TRAIN, Membership
from processing.recipe.fitted import Learner, is_number, natural
from processing.schema import BINARY, BINARY_WORDS, NOT_BINARY, NUMERIC, Schema
from processing.treatment import Treatment

MAXIMUM_CLASSES = 1000


class CountedTable(Protocol):
    """A table that can be counted before it is read."""

    source: str

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in order."""
        ...

    def count(self) -> int:
        """Return the number of rows."""
        ...


@dataclass(frozen=True)
class Converted:
    """What came of a table.

    counts: split → rows of each class, int64, shape (classes,).
    """

    treatment: Treatment
    counts: dict[str, npt.NDArray[np.int64]]
    feature_names: list[str]
    feature_dim: int
    one_hot: bool
    warnings: list[str]


def find_classes(table: CountedTable, schema: Schema) -> tuple[list[str], int]:
    """Return the target's distinct values, numbers first and by value, and the number of rows.

    Those of a BINARY target are at most two, what means 0 before what means 1, in small letters and by the
    longest of their spellings. Raises InputError unless the values are classes: two or more, and not another
    number in every row.
    """
    target = schema.target
    assert target is not None
    kind = schema.types[target]
    if kind == NUMERIC:
        raise InputError(
            f"{table.source}: the target {target!r} is NUMERIC, which would be regression; "
            "make it CATEGORICAL in the schema"
        )
    found: set[str] = set()
    rows = 0
    for block in table.blocks():
        rows += len(block)
        cells = _target_cells(block, target, kind)
        found.update(cells)
        if kind == BINARY and not BINARY_WORDS.keys() >= found:
            row = next(row for row, cell in enumerate(cells) if cell not in BINARY_WORDS)
            raise block.refuse(row, target, f"{NOT_BINARY}, or make the target CATEGORICAL in the schema")
        if len(found) > MAXIMUM_CLASSES:
            raise InputError(
                f"{table.source}: the target {target!r} has more than {MAXIMUM_CLASSES} values; "
                "name a column of classes as the target"
            )
    if kind == BINARY:
        # The longest spelling of each meaning comes last and stays.
        named = {BINARY_WORDS[word]: word for word in sorted(found, key=lambda word: (len(word), word))}
        names = [named[meaning] for meaning in sorted(named)]
    else:
        names = sorted(found, key=natural)
    if len(names) == 1:
        raise InputError(
            f"{table.source}: the target {target!r} has one class, {names[0]!r}; "
            "give rows of two classes or more"
        )
    if kind != BINARY and len(names) == rows and all(map(is_number, names)):
        raise InputError(
            f"{table.source}: the target {target!r} has another number in each of {rows} rows, which would "
            "be regression; name a column of classes as the target"
        )
    return names, rows


def convert_table(
    table: CountedTable,
    treatment: Treatment,
    labels: Mapping[str, int],
    membership: Membership,
    output: Path,
) -> Converted:
    """Fit `treatment` on the training rows and write all channels below `output`.

    labels: the target's value → label, an index of the treatment's class names; a BINARY target's values in
        small letters.
    """
    fitted = _fitted(table, treatment, membership)
    encoder = fitted.encoder()
    if not encoder.feature_dim:
        raise InputError(f"{table.source}: the recipe makes no feature of the training rows; correct it")
    target = fitted.schema.target
    assert target is not None
    splits = [name for place, name in enumerate(NAMES) if (membership == place).any()]
    counts = {name: np.zeros(len(fitted.class_names), dtype=np.int64) for name in splits}
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(whole_file(output / name / (name + SUFFIXES[fitted.content_type])))
            for name in splits
        }
        label_file = stack.enter_context(whole_file(output / "test_labels" / LABELS_FILE))
        for block in table.blocks():
            codes = _codes(block, target, fitted.schema.types[target], labels)
            features = encoder.features(block)
            here = membership[block.first : block.first + len(block)]
            for name in splits:
                rows = np.flatnonzero(here == NAMES.index(name))
                counts[name] += np.bincount(codes[rows], minlength=len(fitted.class_names))
                _write(files[name], label_file, name, features[rows], codes[rows], fitted.content_type)
        trained = np.flatnonzero(counts["train"])
        if len(trained) == 1:
            raise InputError(
                f"{table.source}: all training rows are of the class "
                f"{fitted.class_names[trained[0]]!r}; give rows of two classes or more, or a random split"
            )
    names = list(encoder.names())
    return Converted(
        fitted, counts, names, encoder.feature_dim, encoder.sparse, unseen_warnings(encoder.unseen)
    )


def _fitted(table: CountedTable, treatment: Treatment, membership: Membership) -> Treatment:
    learner = Learner(treatment.outputs())
    while learner.wanted:
        for block in table.blocks():
            training = membership[block.first : block.first + len(block)] == TRAIN
            if training.any():
                learner.add(block.select(training))
        learner.end_pass()
    return replace(treatment, fits=learner.fits, vocabularies=learner.vocabularies)


def _target_cells(block: Block, target: str, kind: str) -> list[str]:
    if kind == BINARY:
        return [cell.strip().lower() for cell in block.cells(target)]
    return [cell.strip() for cell in block.cells(target)]


def _codes(block: Block, target: str, kind: str, labels: Mapping[str, int]) -> npt.NDArray[np.int64]:
    cells = _target_cells(block, target, kind)
    codes = np.array([labels.get(cell, -1) for cell in cells], dtype=np.int64)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        raise block.refuse(row, target, f"is not one of {', '.join(labels)}; correct it")
    return codes


def _write(
    file: BinaryIO,
    label_file: BinaryIO,
    name: str,
    features: Any,
    codes: npt.NDArray[np.int64],
    content_type: str,
) -> None:
    if not len(codes):
        return
    write_rows(file, features, None if name == "test" else codes, content_type)
    if name == "test":
        label_file.write("".join(f"{code}\n" for code in codes.tolist()).encode("ascii"))


def unseen_warnings(unseen: Mapping[str, int]) -> list[str]:
    """Say how often a value that no training row has was met; it counts as none of the known ones."""
    total, outputs = sum(unseen.values()), sum(count > 0 for count in unseen.values())
    if not total:
        return []
    return [
        f"{total} values in {outputs} outputs of the recipe do not occur in the training rows; "
        "they count as none of the known ones"
    ]


def class_warnings(counts: Mapping[str, npt.NDArray[np.int64]], class_names: Sequence[str]) -> list[str]:
    """One sentence for each class that a split has no row of."""
    return [
        f"the {name} split has no row of class {index} ({class_names[index]})"
        for name, of_split in counts.items()
        for index, count in enumerate(of_split.tolist())
        if not count
    ]
