"""Metrics of factorization-machines under the service's names, gathered mini-batch by mini-batch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from algorithms.factorization_machines.schema import BINARY
from algorithms.linear_learner.losses import cross_entropy, sigmoid
from algorithms.linear_learner.metrics import BinaryMetrics

Floats = npt.NDArray[np.float32]


class Objective(Protocol):
    """Loss and metrics over scores (before the logistic function) and labels, both (n,)."""

    def slope(self, scores: Floats, labels: Floats) -> Floats:
        """Count the rows in; ∂loss/∂score of each."""
        ...

    def results(self) -> list[tuple[str, float]]:
        """Return names and values over all rows counted."""
        ...


class BinaryObjective:
    """Logistic loss; accuracy, cross entropy and F1 at a probability of 0.5."""

    def __init__(self) -> None:
        self._metrics = BinaryMetrics(0.0, 1.0)
        self._entropy, self._count = 0.0, 0

    def slope(self, scores: Floats, labels: Floats) -> Floats:
        """Count the rows in; the probability less the label of each."""
        slope = sigmoid(scores) - labels
        self._entropy += float(cross_entropy(scores, labels).sum(dtype=np.float64))
        self._count += len(labels)
        self._metrics.add(scores[:, None], labels)
        return slope

    def results(self) -> list[tuple[str, float]]:
        """See `Objective.results`."""
        named = dict(self._metrics.results())
        return [
            ("binary_classification_accuracy", named["binary_classification_accuracy"]),
            ("binary_classification_cross_entropy", self._entropy / max(self._count, 1)),
            ("binary_f_1.000", named["binary_f_1.000"]),
        ]


class RegressionObjective:
    """Half the squared error; its root mean square."""

    def __init__(self) -> None:
        self._squares, self._count = 0.0, 0

    def slope(self, scores: Floats, labels: Floats) -> Floats:
        """Count the rows in; the score less the label of each."""
        error = scores - labels
        self._squares += float(np.square(error).sum(dtype=np.float64))
        self._count += len(labels)
        return error

    def results(self) -> list[tuple[str, float]]:
        """See `Objective.results`."""
        return [("rmse", float(np.sqrt(self._squares / max(self._count, 1))))]


def objective(kind: str) -> Objective:
    """Return fresh counters for a predictor_type."""
    return BinaryObjective() if kind == BINARY else RegressionObjective()
