"""A trained factorization machine: what `model_algo-1` holds and how it answers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from algorithms.base import CustomerError, Features, Predictions
from algorithms.factorization_machines.machine import forward, lengths
from algorithms.factorization_machines.schema import BINARY, REGRESSOR
from algorithms.linear_learner.losses import sigmoid
from algorithms.model_file import array_problem, read_model, write_model

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

    @cached_property
    def _lengths(self) -> Floats:
        return lengths(self.table)

    @property
    def feature_dim(self) -> int:
        """The width of the rows that it takes."""
        return int(self.table.shape[0])

    def scores(self, features: Features) -> Floats:
        """Return scores before the logistic function, shape (n,)."""
        count, width = features.shape
        step = max(1, _SCORED_BYTES // (4 * width)) if isinstance(features, np.ndarray) else count
        parts = [
            forward(
                features[start : start + step], self.table, self.bias, squared_lengths=self._lengths
            ).scores
            for start in range(0, count, max(step, 1))
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def predict(self, features: Features, *, verbose: bool = False) -> Predictions:
        """Return `score` and, unless this is a regressor, `predicted_label`.

        A classifier's score is the probability of class 1, its label 1 from 0.5 on, as at the service. There
        is nothing more to be verbose about.
        """
        del verbose
        scores = self.scores(features)
        if self.kind == REGRESSOR:
            return {"score": scores}
        return {"score": sigmoid(scores), "predicted_label": (scores >= 0).astype(np.int64)}

    def save(self, path: Path) -> None:
        """Write `model_algo-1`."""
        arrays = {"table": self.table, "bias": np.array([self.bias], np.float32)}
        write_model(path, NAME, {"predictor_type": self.kind}, arrays)


def load(path: Path) -> FactorizationMachine:
    """Read `model_algo-1`; raises CustomerError when it is no factorization-machines model."""
    settings, arrays = read_model(path, NAME)
    kind = settings.get("predictor_type")
    problem = array_problem(arrays, {"table": 2, "bias": 1})
    if problem is None and kind not in (BINARY, REGRESSOR):
        problem = f"predictor_type {kind!r}"
    if problem is None and (min(arrays["table"].shape) < 1 or arrays["table"].shape[1] < 2):
        problem = f"a table of shape {arrays['table'].shape}"
    if problem is None and arrays["bias"].shape != (1,):
        problem = f"a bias of shape {arrays['bias'].shape}"
    if problem:
        raise CustomerError(f"{path.name} is not a {NAME} model: {problem}")
    return FactorizationMachine(str(kind), arrays["table"], float(arrays["bias"][0]))
