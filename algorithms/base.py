"""What a built-in algorithm is to the container around it.

The container (`train`, `serve`) reads hyperparameters and channels and hands them over; an algorithm turns
them into a model and a model turns rows into predictions. Neither side knows how the other works.

A module `algorithms/<name with underscores>.py` exports `ALGORITHM: Algorithm`; the container finds it by
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from algorithms.errors import CustomerError
from algorithms.hyperparameters import Schema
from algorithms.logs import MetricLog

if TYPE_CHECKING:  # scipy takes longer to import than a small job to run: only sparse data brings it in
    from scipy.sparse import csr_matrix

__all__ = [
    "CSV",
    "JSON",
    "JSONLINES",
    "RECORDIO",
    "Algorithm",
    "Batch",
    "Channel",
    "CustomerError",
    "Features",
    "LabelRule",
    "Model",
    "Predictions",
]

RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv"
JSON = "application/json"
JSONLINES = "application/jsonlines"

Features: TypeAlias = "npt.NDArray[np.float32] | csr_matrix"
"""Rows of features: float32, shape (rows, feature_dim), dense (an ndarray) or CSR."""

Predictions = Mapping[str, "npt.NDArray[Any] | list[float] | list[int]"]
"""Columns of a response by the service's own field names, in the order in which they are written.

Each column has shape (rows,), or (rows, k) for a list a row (class probabilities, neighbours). The dtype
decides the form in JSON: integers print as `0`, floats as `0.0`. Columns rather than a dictionary a row,
because 10,000 rows are encoded by a few joins and not by 10,000 objects. Lists are for models that answer a
single row without arrays.
"""


@dataclass(frozen=True)
class Batch:
    """Consecutive records of a channel.

    features: float32, shape (n, feature_dim), dense (each row contiguous, rows possibly strided) or CSR.
        Read-only: dense recordIO in File mode is a view of the mapped file.
    labels: float32, shape (n,), or None where the records carry no label.
    """

    features: Features
    labels: npt.NDArray[np.float32] | None

    def __len__(self) -> int:
        return int(self.features.shape[0])


class Channel(Protocol):
    """One input channel, read in order, as often as epochs are asked for.

    In Pipe mode every call of `batches` opens the FIFO of the next epoch; in File mode it starts again at the
    first file. Rows are checked (finite, one width, labels by the algorithm's rule) before they go out.
    """

    @property
    def name(self) -> str:
        """The channel's name: train, validation or test."""
        ...

    @property
    def feature_dim(self) -> int:
        """The width of the rows: the hyperparameter where it was given, else that of the first record."""
        ...

    @property
    def sparse(self) -> bool:
        """Whether the rows are sparse, by the first of them: all are alike."""
        ...

    def batches(self, rows: int) -> Iterator[Batch]:
        """One pass over the channel in batches of `rows` records; only the last may be shorter."""
        ...


class Model(Protocol):
    """A trained model: what `model_algo-1` holds."""

    @property
    def feature_dim(self) -> int:
        """The width of the rows that it takes."""
        ...

    def save(self, path: Path) -> None:
        """Write the model to `path` (one file). The container renames it into place."""
        ...

    def predict(self, features: Features, *, verbose: bool = False) -> Predictions:
        """Columns for the rows; `verbose` adds those that are answered only on request (knn)."""
        ...


@dataclass(frozen=True)
class LabelRule:
    """What a label may be.

    classes: labels are the whole numbers 0 … classes - 1; None: any number.
    whole: labels are whole numbers from 0 (knn does not know its number of classes beforehand).
    """

    classes: int | None = None
    whole: bool = False


@dataclass(frozen=True)
class Algorithm:
    """One built-in algorithm: what it declares and what it does.

    channels: channel name → whether it is required.
    training_content_types / inference_content_types: media types that it takes; the first is the default.
    label_rule: the rule for labels under parsed hyperparameters.
    train: (parsed hyperparameters, channels by name, log) → model. Raises CustomerError.
    load: path of `model_algo-1` → model. The bytes are not trusted: raises CustomerError when they are no
        such model.
    """

    name: str
    hyperparameters: Schema
    channels: Mapping[str, bool]
    training_content_types: tuple[str, ...]
    inference_content_types: tuple[str, ...]
    label_rule: Callable[[Mapping[str, Any]], LabelRule]
    train: Callable[[Mapping[str, Any], Mapping[str, Channel], MetricLog], Model]
    load: Callable[[Path], Model]
