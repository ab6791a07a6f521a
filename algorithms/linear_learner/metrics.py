"""Metrics of a finished model under the service's names, gathered batch by batch."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.calibration import f_beta, ratio

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Named = list[tuple[str, float]]


class Metrics(Protocol):
    """Takes scores and labels, then answers names and values."""

    def add(self, scores: Floats, labels: Floats) -> None:
        """scores: (n, 1), or (n, classes); labels: (n,)."""
        ...

    def results(self) -> Named:
        """Return names and values; 0 where a quotient has no denominator."""
        ...


class BinaryMetrics:
    """Accuracy, F-beta, precision and recall of the positive class at a threshold on the score."""

    def __init__(self, threshold: float, beta: float) -> None:
        self._threshold, self._beta = np.float32(threshold), beta
        self._true = self._predicted = self._actual = self._count = 0

    def add(self, scores: Floats, labels: Floats) -> None:
        """See `Metrics.add`."""
        predicted, actual = scores[:, 0] >= self._threshold, labels > 0
        self._true += int((predicted & actual).sum())
        self._predicted += int(predicted.sum())
        self._actual += int(actual.sum())
        self._count += len(labels)

    def results(self) -> Named:
        """See `Metrics.results`."""
        right = self._count - self._predicted - self._actual + 2 * self._true
        f = f_beta(np.asarray(self._true, np.float64), self._predicted, self._actual, self._beta)
        return [
            ("binary_classification_accuracy", right / max(self._count, 1)),
            (f"binary_f_{self._beta:.3f}", float(f)),
            ("precision", float(ratio(self._true, self._predicted))),
            ("recall", float(ratio(self._true, self._actual))),
        ]


class MulticlassMetrics:
    """Accuracy, top-k accuracy, discounted cumulative gain and macro averages.

    Macro averages are over the classes that occur as a label or a prediction, as scikit-learn takes them.
    """

    def __init__(self, classes: int, top_k: int, beta: float) -> None:
        self._top_k, self._beta = top_k, beta
        self._true, self._predicted, self._actual = (np.zeros(classes, np.int64) for _ in range(3))
        self._near, self._gain = 0, 0.0

    def add(self, scores: Floats, labels: Floats) -> None:
        """See `Metrics.add`."""
        actual = labels.astype(np.intp)
        predicted = scores.argmax(axis=1)
        size = len(self._true)
        self._true += np.bincount(actual[predicted == actual], minlength=size)
        self._predicted += np.bincount(predicted, minlength=size)
        self._actual += np.bincount(actual, minlength=size)
        rank = (scores > scores[np.arange(len(actual)), actual][:, None]).sum(axis=1)
        self._near += int((rank < self._top_k).sum())
        self._gain += float((1 / np.log2(rank + 2)).sum())

    def results(self) -> Named:
        """See `Metrics.results`."""
        count = max(int(self._actual.sum()), 1)
        seen = (self._actual + self._predicted) > 0
        true = self._true[seen].astype(np.float64)
        predicted, actual = self._predicted[seen], self._actual[seen]
        return [
            ("multiclass_accuracy", float(self._true.sum() / count)),
            (f"multiclass_top_k_accuracy_{self._top_k}", self._near / count),
            ("dcg", self._gain / count),
            ("macro_recall", float(ratio(true, actual).mean())),
            ("macro_precision", float(ratio(true, predicted).mean())),
            (f"macro_f_{self._beta:.3f}", float(f_beta(true, predicted, actual, self._beta).mean())),
        ]


class RegressionMetrics:
    """Mean squared and mean absolute error."""

    def __init__(self) -> None:
        self._squares = self._absolutes = 0.0
        self._count = 0

    def add(self, scores: Floats, labels: Floats) -> None:
        """See `Metrics.add`."""
        error = scores[:, 0].astype(np.float64) - labels
        self._squares += float((error * error).sum())
        self._absolutes += float(np.abs(error).sum())
        self._count += len(labels)

    def results(self) -> Named:
        """See `Metrics.results`."""
        count = max(self._count, 1)
        return [("mse", self._squares / count), ("absolute_loss", self._absolutes / count)]
