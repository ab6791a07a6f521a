"""How much a row counts in the loss, by its label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.schema import BALANCED, BINARY, MULTICLASS
from algorithms.linear_learner.settings import Settings
from algorithms.logs import MetricLog

Floats = npt.NDArray[np.float32]

_TOLD = 10
"""Labels that a log line names."""


class ExampleWeights:
    """Weight of a row in the loss, per model.

    classes: (classes,) weights by label, or None. positives: (models,) weights of label 1, or None.
    """

    def __init__(self, classes: Floats | None = None, positives: Floats | None = None) -> None:
        self._classes = classes
        self._positives = positives

    def of(self, labels: Floats) -> Floats | None:
        """Weights of shape (n, 1) or (n, models); None where every weight is 1."""
        if self._classes is not None:
            return self._classes[labels.astype(np.intp)][:, None]
        if self._positives is not None:
            return np.where(labels[:, None] > 0, self._positives, np.float32(1))
        return None


def learn_example_weights(
    settings: Settings, variants: Sequence[Variant], head: list[Batch], log: MetricLog
) -> ExampleWeights:
    """Return what the hyperparameters ask for; balanced weights are by the labels of the first window."""
    if settings.kind == MULTICLASS and settings.balance_classes:
        counts = _count(head, settings.classes, log)
        weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return ExampleWeights(classes=np.where(counts > 0, weights, 1).astype(np.float32))
    given = [variant.positive_weight for variant in variants]
    if BALANCED in given:
        negatives, positives = _count(head, 2, log).tolist()
        balanced = negatives / positives if negatives and positives else 1.0
        given = [balanced if weight == BALANCED else weight for weight in given]
    if settings.kind != BINARY or all(weight == 1 for weight in given):
        return ExampleWeights()
    return ExampleWeights(positives=np.asarray(given, np.float32))


def _count(head: list[Batch], classes: int, log: MetricLog) -> npt.NDArray[np.intp]:
    """Count the labels of the first window; one that it lacks is to weigh 1, and is logged."""
    labels = np.concatenate([batch.labels for batch in head if batch.labels is not None])
    counts = np.bincount(labels.astype(np.intp), minlength=classes)
    missing = np.flatnonzero(counts == 0).tolist()
    if missing:
        told = ", ".join(map(str, missing[:_TOLD])) + (", ..." if len(missing) > _TOLD else "")
        log.info(
            f"Balanced weights: the first {len(labels)} records of channel 'train', which are counted, "
            f"have none of class {told}: it weighs 1. Where it occurs, shuffle the records to count it."
        )
    return counts
