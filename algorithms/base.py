"""What a built-in algorithm is to the container around it.

The container (`train`, `serve`) reads hyperparameters and channels and hands them over; an algorithm turns them
into a model and a model turns rows into predictions. Neither side knows how the other works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Features = npt.NDArray[np.float32] | csr_matrix
"""Rows of features: float32, shape (rows, feature_dim), dense and C-ordered or CSR."""


class CustomerError(Exception):
    """Something that the user can cure: bad data or a bad hyperparameter. The message goes to `output/failure`."""


@dataclass(frozen=True)
class Batch:
    """Consecutive records of a channel.

    features: float32, shape (n, feature_dim), dense (C-ordered, possibly strided) or CSR.
    labels: float32, shape (n,), or None where the records carry no label.
    """

    features: Features
    labels: npt.NDArray[np.float32] | None


class Channel(Protocol):
    """One input channel, read in order, as often as epochs are asked for.

    In Pipe mode every call of `batches` opens the FIFO of the next epoch; in File mode it starts again at the
    first file. Rows are checked (finite, one width) before they are handed out.
    """

    name: str

    def batches(self, rows: int) -> Iterator[Batch]:
        """One pass over the channel in batches of `rows` records; only the last may be shorter."""
        ...


class Model(Protocol):
    """A trained model: what `model_algo-1` holds."""

    feature_dim: int

    def save(self, path: Path) -> None:
        """Write the model to `path` (one file)."""
        ...

    def predict(self, features: Features, *, verbose: bool = False) -> list[dict[str, object]]:
        """One dictionary a row, as the service names its fields (`score`, `predicted_label`, `distances`…)."""
        ...
