"""The channels between the steps: recordIO-protobuf or CSV files that conversion writes and later jobs read.

A labelled CSV channel has the label first and no header, as the built-in algorithms want it; the test channel
that batch transform reads has features only, and its labels are a file of their own with one integer a line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Union

import numpy as np
import numpy.typing as npt

from processing.container import InputError, visible_files, whole_file
from processing.dataset import Dataset
from processing.recordio import (
    CONTENT_TYPE,
    RecordIOError,
    read_chunks,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from processing.spill import Spill
from processing.splits import BATCH_VALUES, Split

if TYPE_CHECKING:  # scipy takes longer to import than a small job to run: only sparse data brings it in
    from scipy.sparse import csr_matrix

RECORDIO = CONTENT_TYPE
CSV = "text/csv"
SUFFIXES = {RECORDIO: ".pbr", CSV: ".csv"}
LABELS_FILE = "labels.csv"
LABEL_LINES = 10_000
CURE = "run data conversion again"

Features = Union[npt.NDArray[np.float32], "csr_matrix"]


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a channel.

    features: float32, shape (rows, feature_dim): an array, or CSR where the data set is wide and sparse.
    labels: int64, shape (rows,), or None.
    """

    features: Features
    labels: npt.NDArray[np.int64] | None


def write_channel(folder: Path, name: str, split: Split, content_type: str, *, labelled: bool) -> None:
    """Write a split to `folder/name.pbr` or `.csv`, batch by batch; features and labels as float32."""
    with whole_file(folder / (name + SUFFIXES[content_type])) as file:
        for features, labels in split.batches(name):
            write_rows(file, features, labels if labelled else None, content_type)


def write_rows(
    file: BinaryIO, features: Features, labels: npt.NDArray[np.int64] | None, content_type: str
) -> None:
    """Append rows to a channel: float32 features, dense or CSR, and their labels where it has any."""
    if content_type == CSV:
        _write_csv(file, features if isinstance(features, np.ndarray) else features.toarray(), labels)
    else:
        _write_recordio(file, features, labels)


def write_labels(folder: Path, labels: npt.NDArray[np.int64]) -> None:
    """Write `folder/labels.csv`: one integer a line, no header."""
    with whole_file(folder / LABELS_FILE) as file:
        file.write("".join(f"{label}\n" for label in labels.tolist()).encode("ascii"))


def read_channel(folder: Path, dataset: Dataset, *, labelled: bool) -> Iterator[Rows]:
    """Return the rows of the one file in `folder`, a bounded number at a time.

    Raises InputError where the file is malformed, a row has another width than the dataset says, a value is
    not finite or a label is not a class.
    """
    files = visible_files(folder, f"the {folder.name} channel that data conversion wrote")
    if len(files) != 1:
        raise InputError(
            f"{folder}: {len(files)} files, but a channel is one; leave only what data conversion wrote"
        )
    path = files[0]
    step = max(1, BATCH_VALUES // max(1, dataset.feature_dim))
    first = 0
    with path.open("rb") as file:
        batches = (
            _csv_rows(file, step, labelled)
            if path.suffix == ".csv"
            else _recordio_rows(file, step, dataset.wide)
        )
        try:
            for features, labels in batches:
                yield _checked(features, labels if labelled else None, path, first, dataset, labelled)
                first += features.shape[0]
        except (RecordIOError, ValueError) as error:
            raise InputError(f"{path}: {error}; {CURE}") from error


def read_labels(folder: Path, classes: int) -> npt.NDArray[np.int64]:
    """Return the labels of the test channel, int64, shape (rows,), every one in 0 … classes-1.

    They are a spilled column, so that a long channel's take no memory.
    """
    path = folder / LABELS_FILE
    codes = {str(label): label for label in range(classes)}
    found = Spill(np.int64)
    first = 1
    try:
        with path.open(encoding="utf-8") as file:
            while lines := [line.rstrip("\n") for line in itertools.islice(file, LABEL_LINES)]:
                labels = [codes.get(line, -1) for line in lines]
                if -1 in labels:
                    wrong = labels.index(-1)
                    raise InputError(
                        f"{path} line {first + wrong}: {lines[wrong]!r} is not a label of 0 to "
                        f"{classes - 1}; {CURE}"
                    )
                found.append(np.array(labels, dtype=np.int64))
                first += len(lines)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; data conversion writes it, mount its output there"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text of numbers ({error}); {CURE}") from error
    if not len(found):
        raise InputError(f"{path}: the file is empty, there is nothing to evaluate; {CURE}")
    return found.array()


def plain_floats(features: npt.NDArray[np.float32]) -> list[list[float]]:
    """Rows as the shortest numbers that give the same float32: 5.1 and not 5.099999904632568."""
    return [[float(str(value)) for value in row] for row in features]


def _write_recordio(file: BinaryIO, features: Features, labels: npt.NDArray[np.int64] | None) -> None:
    targets = None if labels is None else labels.astype(np.float32)
    if isinstance(features, np.ndarray):
        write_numpy_to_dense_tensor(file, features, targets)
    else:
        write_spmatrix_to_sparse_tensor(file, features, targets)


def _write_csv(
    file: BinaryIO, features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64] | None
) -> None:
    # Formatting is the slow part, and real columns repeat (pixels have 256 values): each value is formatted
    # once.
    values, places = np.unique(features, return_inverse=True)
    texts = np.array([str(value) for value in values], dtype=object)[places.reshape(features.shape)]
    lines = [",".join(row) for row in texts.tolist()]
    if labels is not None:
        lines = [f"{label},{line}" for label, line in zip(labels.tolist(), lines, strict=True)]
    file.write(("\n".join(lines) + "\n").encode("ascii"))


def _recordio_rows(
    file: BinaryIO, step: int, wide: bool
) -> Iterator[tuple[Features, npt.NDArray[Any] | None]]:
    for chunk in read_chunks(file):
        if wide:
            yield chunk
            continue
        for first in range(0, chunk.features.shape[0], step):
            features, labels = chunk.rows(first, first + step)
            yield features if isinstance(features, np.ndarray) else features.toarray(), labels


def _csv_rows(
    file: IO[bytes], step: int, labelled: bool
) -> Iterator[tuple[Features, npt.NDArray[Any] | None]]:
    filled = (line for line in file if not line.isspace())
    while lines := list(itertools.islice(filled, step)):
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2, encoding="ascii")
        yield (table[:, 1:], table[:, 0]) if labelled else (table, None)


def _checked(
    features: Features,
    labels: npt.NDArray[Any] | None,
    path: Path,
    first: int,
    dataset: Dataset,
    labelled: bool,
) -> Rows:
    if features.shape[1] != dataset.feature_dim:
        raise InputError(
            f"{path} row {first + 1}: {features.shape[1]} features, not {dataset.feature_dim}; {CURE}"
        )
    with np.errstate(over="ignore"):  # what becomes infinite is refused just below
        values = features.astype(np.float32, copy=False)
    finite = _finite_rows(values)
    if not finite.all():
        row = first + 1 + int(np.argmin(finite))
        raise InputError(f"{path} row {row}: a feature is not a finite float32 number; {CURE}")
    if not labelled:
        return Rows(values, None)
    if labels is None:
        raise InputError(f"{path} row {first + 1}: the record has no label; {CURE}")
    known = np.isin(labels, np.arange(len(dataset.class_names)))
    if not known.all():
        row = int(np.argmin(known))
        raise InputError(
            f"{path} row {first + row + 1}: the label {labels[row]} is not one of 0 to "
            f"{len(dataset.class_names) - 1}; {CURE}"
        )
    return Rows(values, labels.astype(np.int64))


def _finite_rows(features: Features) -> npt.NDArray[np.bool_]:
    if isinstance(features, np.ndarray):
        return np.asarray(np.isfinite(features).all(axis=1))
    found = np.ones(features.shape[0], dtype=bool)
    wrong = np.flatnonzero(~np.isfinite(features.data))
    found[np.searchsorted(features.indptr, wrong, side="right") - 1] = False
    return found
