"""Binary thresholds: the criterion's value at a threshold, and the threshold that is best for it.

All models at once: scores have shape (n, models), float32; labels (n,) are 0 and 1. A row is positive when
its score is at least the threshold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.settings import Criterion

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Doubles:
    """Quotient in float64, 0 where the denominator is 0."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0))


def f_beta(true: Doubles, predicted: npt.ArrayLike, actual: npt.ArrayLike, beta: float) -> Doubles:
    """F-beta from counts: true positives, predicted positives, actual positives."""
    weight = beta * beta
    return ratio((1 + weight) * true, weight * np.asarray(actual) + np.asarray(predicted))


def criterion_values(
    criterion: Criterion, true: Doubles, predicted: Doubles, actual: float, count: int
) -> Doubles:
    """Return the criterion from counts; rows that miss its target score below all that meet it.

    true, predicted: true and predicted positives, any shape; actual: positives; count: rows. Below the target
    the value is the distance that is missing, as a negative number, so that the nearest is preferred.
    """
    if criterion.name == "accuracy":
        return np.asarray((count - actual - predicted + 2 * true) / count)
    if criterion.name == "f_beta":
        return f_beta(true, predicted, actual, criterion.f_beta)
    precision, recall = ratio(true, predicted), ratio(true, actual)
    if criterion.name == "precision_at_target_recall":
        return np.where(recall >= criterion.target_recall, precision, recall - criterion.target_recall)
    return np.where(precision >= criterion.target_precision, recall, precision - criterion.target_precision)


def calibrate(criterion: Criterion, scores: Floats, labels: Floats) -> tuple[Doubles, Floats]:
    """Return the best value (models,) and threshold (models,) per model.

    A cut is possible between any two different scores, before the first and behind the last row. Of equally
    good cuts the middle one is taken and the threshold lies half-way between its neighbours: on data that
    separates, that is the middle of the gap and not the edge of one class.
    """
    count, models = scores.shape
    # (models, n), since sorting adjacent numbers takes half the time. The order among equal scores does not
    # matter: no cut lies there.
    rising = np.negative(scores.T, order="C")
    order = np.argsort(rising, axis=1)
    falling = -np.take_along_axis(rising, order, axis=1)
    true = np.zeros((models, count + 1))
    np.cumsum(labels[order], axis=1, out=true[:, 1:])
    predicted = np.arange(count + 1, dtype=np.float64)
    actual = float(labels.sum(dtype=np.float64))
    values = criterion_values(criterion, true, predicted, actual, count)
    values = np.broadcast_to(values, true.shape).copy()
    values[:, 1:-1][falling[:, 1:] == falling[:, :-1]] = -np.inf
    best = values.max(axis=1)
    thresholds = np.empty(models, np.float32)
    for model in range(models):
        cuts = np.flatnonzero(values[model] == best[model])
        thresholds[model] = _between(falling[model], int(cuts[len(cuts) // 2]))
    return best, thresholds


def _between(falling: Floats, cut: int) -> float:
    """Return a threshold that makes exactly the first `cut` of the falling scores positive."""
    if cut == 0:
        return float(np.nextafter(falling[0], np.float32(np.inf)))
    if cut == len(falling):
        return float(falling[-1])
    above, below = falling[cut - 1], falling[cut]
    middle = np.float32(below + (above - below) * np.float32(0.5))
    # Where the two are neighbouring floats the middle may round down to the lower one, which must stay
    # negative.
    return float(middle if middle > below else above)
