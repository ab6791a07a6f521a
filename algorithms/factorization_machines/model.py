"""A trained factorization machine: what `model_algo-1` holds and how it answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from algorithms.base import CustomerError, Features, Predictions
from algorithms.factorization_machines.machine import forward
from algorithms.factorization_machines.schema import BINARY, REGRESSOR
from algorithms.linear_learner import archive
from algorithms.linear_learner.losses import sigmoid

Floats = npt.NDArray[np.float32]

NAME = "factorization-machines"

_SCORED_BYTES = 16 * 2**20
"""Rows are scored in pieces whose squares take about so much memory."""


class FactorizationMachine:
    """table: (feature_dim, num_factors + 1) float32, the linear weight in the last column; bias: a number."""

    def __init__(self, kind: str, table: Floats, bias: float) -> None:
        self.kind = kind
        self.table = np.ascontiguousarray(table, dtype=np.float32)
        self.bias = float(bias)

    @property
    def feature_dim(self) -> int:
        """The width of the rows that it takes."""
        return int(self.table.shape[0])

    def scores(self, features: Features) -> Floats:
        """Return scores before the logistic function, shape (n,)."""
        count, width = features.shape
        step = max(1, _SCORED_BYTES // (4 * width)) if isinstance(features, np.ndarray) else count
        parts = [
            forward(features[start : start + step], self.table, self.bias).scores
            for start in range(0, count, max(step, 1))
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def predict(self, features: Features, *, verbose: bool = False) -> Predictions:
        """Return `score` and, unless this is a regressor, `predicted_label`.

        A classifier's score is the probability of class 1. The label is 1 from a probability of 0.5 on, as at the service. There is nothing more to be verbose
        about.
        """
        del verbose
        scores = self.scores(features)
        if self.kind == REGRESSOR:
            return {"score": scores}
        return {"score": sigmoid(scores), "predicted_label": (scores >= 0).astype(np.int64)}

    def save(self, path: Path) -> None:
        """Write `model_algo-1`."""
        arrays = {"table": self.table, "bias": np.array([self.bias], np.float32)}
        archive.save(path, NAME, {"predictor_type": self.kind}, arrays)


def load(path: Path) -> FactorizationMachine:
    """Read `model_algo-1`; raises CustomerError when it is no factorization-machines model."""
    description, arrays = archive.load(path, NAME, frozenset({"table", "bias"}))
    kind, table, bias = description.get("predictor_type"), arrays["table"], arrays["bias"]
    if kind not in (BINARY, REGRESSOR) or table.ndim != 2 or min(table.shape) < 1 or table.shape[1] < 2:
        raise CustomerError(
            f"{path.name} is not a {NAME} model: a {kind!r} with a table of shape {table.shape}"
        )
    if bias.shape != (1,):
        raise CustomerError(f"{path.name} is not a {NAME} model: a bias of shape {bias.shape}")
    return FactorizationMachine(kind, table, float(bias[0]))
