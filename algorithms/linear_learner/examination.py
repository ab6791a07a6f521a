"""Scoring a channel: comparing models after an epoch, calibrating at the end, final metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.calibration import calibrate, criterion_values
from algorithms.linear_learner.comparison import best_values
from algorithms.linear_learner.losses import Loss
from algorithms.linear_learner.metrics import Metrics, Named
from algorithms.linear_learner.settings import Criterion
from algorithms.mini_batches import MiniBatches
from algorithms.scratch import Segment

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_SCORES = 2**20
"""Scores kept to choose among models: 4 MiB of scratch, whatever the channel's length."""

_ROWS = 2**16
"""Rows that a threshold is found from where nobody says how many: sorted, they take 4 MB."""


@dataclass(frozen=True)
class Weights:
    """weights (feature_dim, classes · models) and bias (classes · models,), for one scaling of the rows."""

    weights: Floats
    bias: Floats
    classes: int

    @property
    def models(self) -> int:
        """How many models there are."""
        return int(self.weights.shape[1]) // self.classes

    def model(self, index: int) -> Weights:
        """One model alone."""
        columns = slice(index, None, self.models)
        return Weights(np.ascontiguousarray(self.weights[:, columns]), self.bias[columns], self.classes)


class Examination:
    """One channel, its loss and the criterion by which models are compared on it."""

    def __init__(self, batches: MiniBatches, loss: Loss, criterion: Criterion) -> None:
        self._batches, self._loss, self._criterion = batches, loss, criterion

    def compare(self, candidates: Weights) -> tuple[Doubles, Doubles]:
        """Mean loss and criterion value per model, with the threshold at 0 (probability 0.5).

        The two criteria with a target mean nothing at a fixed threshold: they are calibrated.
        """
        models = candidates.models
        losses, positives = np.zeros(models), np.zeros((2, models))
        count, actual = 0, 0.0
        counted = self._criterion.name in ("accuracy", "f_beta")
        for scores, labels in self._scored(candidates):
            if counted:
                # One product counts true and predicted positives, exactly: float32 holds counts up to 2^24.
                positive = np.greater_equal(scores, np.float32(0), out=np.empty_like(scores))
                positives += np.stack([labels, np.ones_like(labels)]) @ positive
                actual += float(labels.sum(dtype=np.float64))
            losses += self._losses(scores, labels)
            count += len(labels)
        losses /= max(count, 1)
        if self._criterion.falling:
            return losses, losses
        if counted:
            return losses, criterion_values(
                self._criterion, positives[0], positives[1], actual, max(count, 1)
            )
        return losses, self.best_values(candidates, None)

    def best_values(self, candidates: Weights, samples: int | None) -> Doubles:
        """Best criterion value per model that a threshold gives, from the channel's first rows.

        samples: at most so many rows; None: as many as `_SCORES` allows.
        """
        rows = min(samples or _SCORES, max(_SCORES // candidates.models, 1))
        return best_values(self._criterion, *self._collect(candidates, rows))

    def threshold(self, chosen: Weights, samples: int | None) -> float:
        """Threshold of one model, from at most `samples` rows (None: `_ROWS`)."""
        scores, labels = self._collect(chosen, samples or _ROWS)
        return float(calibrate(self._criterion, scores, labels)[1][0])

    def results(self, chosen: Weights, metrics: Metrics) -> Named:
        """Objective and metrics of one model over the whole channel."""
        loss, count = 0.0, 0
        for scores, labels in self._scored(chosen):
            metrics.add(scores.reshape(len(labels), chosen.classes), labels)
            loss += float(self._losses(scores, labels)[0])
            count += len(labels)
        return [(self._loss.objective, loss / max(count, 1)), *metrics.results()]

    def _losses(self, scores: Floats, labels: Floats) -> Doubles:
        """Sum of the losses per model; the scores are lost."""
        with np.errstate(over="ignore", invalid="ignore"):  # of models that are about to diverge
            losses = self._loss.evaluate(scores, labels, scores)
        return np.asarray(np.ones(len(labels), np.float32) @ losses, np.float64)

    def _collect(self, candidates: Weights, rows: int) -> tuple[Floats, Floats]:
        kept, kept_labels = Segment(rows, candidates.models), []
        for scores, labels in self._scored(candidates):
            kept_labels.append(labels[: kept.room])
            kept.append(scores[: kept.room])
            if not kept.room:
                break
        return kept.written, np.concatenate(kept_labels)

    def _scored(self, candidates: Weights) -> Iterator[tuple[Floats, Floats]]:
        for batch in self._batches.epoch():
            assert batch.labels is not None
            # Sparse rows that were taken up before more columns occurred are narrower than the weights.
            weights = candidates.weights[: batch.features.shape[1]]
            scores = np.asarray(batch.features @ weights, dtype=np.float32)
            scores += candidates.bias
            if candidates.classes > 1:
                scores = scores.reshape(len(batch), candidates.classes, candidates.models)
            yield scores, batch.labels
