"""Losses of linear-learner: value and gradient for many models at once.

Scores have shape (n, models) for one column a model, or (n, classes, models): reductions over the classes
then run along contiguous models, three to four times as fast as over a last axis of ten. Every loss answers
the losses of shape (n, models) and writes ∂loss/∂score into an array shaped like the scores, so that one pass
over the scores of a mini-batch serves both the log line and the update. float32 throughout; nothing here
divides by n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Arrays: numpy takes a fifth of a microsecond more for a pass with a number, as long as for 1,000 elements.
_ZERO, _ONE, _TWO = (np.array(value, np.float32) for value in (0, 1, 2))
_LEAST_SCORE = np.array(-87, np.float32)
_TINY = np.array(1e-30, np.float32)


@dataclass(frozen=True)
class Loss:
    """One loss: its objective's name in the log and its formula.

    evaluate: (scores, labels of shape (n,), gradient to fill) → losses (n, models). `gradient` may be
    `scores` itself, which is overwritten then. On the way to finite losses exp may overflow to infinity, or a
    sum of them be 0 and its inverse infinite: who calls for more than a few batches silences numpy's warnings
    once (`np.errstate`), which takes 3 µs.
    scale_power: how the loss grows when labels and scores are scaled together (2 squared, 1 absolute, 0
    neither).
    """

    objective: str
    evaluate: Callable[[Floats, Floats, Floats], Floats]
    scale_power: int = 0


def sigmoid(scores: Floats) -> Floats:
    """1 / (1 + exp(-score)); exp overflows to infinity below -88, where the sigmoid is then exactly 0."""
    with np.errstate(over="ignore"):
        probabilities = np.exp(-scores)
        probabilities += np.float32(1)
        return np.reciprocal(probabilities, out=probabilities)


def softmax(scores: Floats) -> Floats:
    """Probabilities along axis 1; the maximum is subtracted first so that nothing overflows."""
    probabilities: Floats = scores - scores.max(axis=1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def cross_entropy(scores: Floats, labels: Floats) -> Floats:
    """Logistic losses of labels 0 and 1: log(1 + exp(t)) with t the score against the label."""
    against = scores * (_ONE - _TWO * labels)
    return np.asarray(np.maximum(against, _ZERO) + np.log1p(np.exp(-np.abs(against))))


def _logistic(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
    """With q = 1 + exp(-score) the probability is 1 / q and the loss log q + (1 - label) · score.

    That needs fewer passes than `cross_entropy`, and unlike the logarithm of a probability that was rounded
    to 1 it is right for rows that are confidently wrong. Scores below -87, where exp leaves float32, count as
    -87: models that are about to diverge have them in every mini-batch, and looking for them costs as much.
    """
    rest = np.maximum(scores, _LEAST_SCORE)
    np.multiply(rest, (_ONE - labels)[:, None], out=gradient)
    np.negative(rest, out=rest)
    np.exp(rest, out=rest)
    np.add(rest, _ONE, out=rest)
    losses = np.log(rest)
    np.add(losses, gradient, out=losses)
    np.reciprocal(rest, out=rest)
    np.subtract(rest, labels[:, None], out=gradient)
    return losses


def _softmax(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
    """Work on (classes, n · models): sums over the classes then add long rows to each other.

    Reducing the middle axis of (n, classes, models) takes 20 µs for 200 × 10 × 1, this way 3 with the copies.
    """
    count, classes, models = scores.shape
    ordered = np.empty((classes, count, models), np.float32)
    probabilities = ordered.reshape(classes, count * models)
    ordered[...] = scores.transpose(1, 0, 2)
    np.exp(probabilities, out=probabilities)
    total = np.add.reduce(probabilities, axis=0)
    # The greatest score is subtracted only where exp left float32's range: it cancels out of the quotient.
    # Squares are finite up to 1.8e19; two such products take 1 µs, a least and a greatest value 5.
    inverse = np.reciprocal(total)
    if not (isfinite(np.vdot(total, total)) and isfinite(np.vdot(inverse, inverse))):
        ordered[...] = scores.transpose(1, 0, 2)
        probabilities -= probabilities.max(axis=0)
        np.exp(probabilities, out=probabilities)
        inverse = np.reciprocal(np.add.reduce(probabilities, axis=0))
    probabilities *= inverse
    # By numbers, and not by rows of one, where there is one model: a third of the time.
    cells = ordered.reshape((classes * count, models) if models > 1 else classes * count)
    rows = labels.astype(np.intp)
    rows *= count
    rows += np.arange(count)
    right: Floats = cells.take(rows, axis=0)
    cells[rows] = right - _ONE
    gradient[...] = ordered.transpose(1, 0, 2)
    right += _TINY
    np.log(right, out=right)
    return np.negative(right, out=right).reshape(count, models)


def _hinge(margin: float) -> Callable[[Floats, Floats, Floats], Floats]:
    # Passes over whole arrays: one that broadcasts a number a row takes as long as three of them.
    distance = np.array(margin, np.float32)

    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        against = np.empty_like(scores)
        against[...] = (_ONE - _TWO * labels)[:, None]  # -1 for label 1, 1 for label 0
        losses = scores * against
        losses += distance
        gradient[...] = losses > _ZERO
        losses *= gradient  # as np.maximum with 0, in less than half the time
        np.multiply(against, gradient, out=gradient)
        return losses

    return evaluate


def _multiclass_hinge(margin: float) -> Callable[[Floats, Floats, Floats], Floats]:
    """Crammer and Singer (2001): max(0, margin + best score of a wrong class - score of the right class)."""

    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        rows, classes = np.arange(len(labels)), labels.astype(np.intp)
        right = scores[rows, classes]
        others = scores.copy()
        others[rows, classes] = -np.inf
        rival = others.argmax(axis=1)[:, None, :]
        best = np.take_along_axis(others, rival, axis=1)[:, 0, :]
        losses: Floats = np.maximum(np.float32(margin) + best - right, np.float32(0))
        active = (losses > 0).astype(np.float32)
        gradient[...] = 0
        np.put_along_axis(gradient, rival, active[:, None, :], axis=1)
        gradient[rows, classes] = -active
        return losses

    return evaluate


def _squared(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
    error = scores - labels[:, None]
    np.multiply(error, np.float32(2), out=gradient)
    return np.asarray(np.square(error, out=error))


def _absolute(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
    error = scores - labels[:, None]
    np.sign(error, out=gradient)
    return np.asarray(np.abs(error, out=error))


def _insensitive_absolute(insensitivity: float) -> Callable[[Floats, Floats, Floats], Floats]:
    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        error = scores - labels[:, None]
        losses: Floats = np.maximum(np.abs(error) - np.float32(insensitivity), np.float32(0))
        np.multiply(np.sign(error), losses > 0, out=gradient)
        return losses

    return evaluate


def _insensitive_squared(insensitivity: float) -> Callable[[Floats, Floats, Floats], Floats]:
    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        error = scores - labels[:, None]
        excess: Floats = np.maximum(np.abs(error) - np.float32(insensitivity), np.float32(0))
        np.multiply(np.sign(error), np.float32(2) * excess, out=gradient)
        return np.asarray(np.square(excess, out=excess))

    return evaluate


def _quantile(quantile: float) -> Callable[[Floats, Floats, Floats], Floats]:
    """Pinball loss (Koenker and Bassett 1978): its minimum is the `quantile` quantile of the label."""

    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        error = scores - labels[:, None]
        slope = np.where(error > 0, np.float32(1 - quantile), np.float32(-quantile))
        losses: Floats = slope * error
        np.copyto(gradient, slope)
        return losses

    return evaluate


def _huber(delta: float) -> Callable[[Floats, Floats, Floats], Floats]:
    """Huber (1964): e²/2 up to delta, then delta (|e| - delta/2)."""

    def evaluate(scores: Floats, labels: Floats, gradient: Floats) -> Floats:
        error = scores - labels[:, None]
        clipped = np.clip(error, np.float32(-delta), np.float32(delta))
        losses: Floats = clipped * (error - np.float32(0.5) * clipped)
        np.copyto(gradient, clipped)
        return losses

    return evaluate


def binary_loss(name: str, *, margin: float) -> Loss:
    """`logistic` or `hinge_loss`; labels 0 and 1."""
    if name == "hinge_loss":
        return Loss("binary_hinge_loss_objective", _hinge(margin))
    return Loss("binary_classification_cross_entropy_objective", _logistic)


def multiclass_loss(name: str, *, margin: float) -> Loss:
    """`softmax_loss` or `hinge_loss`; labels 0 … classes - 1, scores (n, classes, models)."""
    if name == "hinge_loss":
        return Loss("multiclass_hinge_loss_objective", _multiclass_hinge(margin))
    return Loss("multiclass_cross_entropy_objective", _softmax)


def regression_loss(name: str, *, insensitivity: float, quantile: float, huber_delta: float) -> Loss:
    """Any regression loss; insensitivity and huber_delta are in the unit of the labels it is given."""
    return {
        "squared_loss": Loss("mse_objective", _squared, 2),
        "absolute_loss": Loss("absolute_loss_objective", _absolute, 1),
        "eps_insensitive_squared_loss": Loss(
            "eps_insensitive_squared_loss_objective", _insensitive_squared(insensitivity), 2
        ),
        "eps_insensitive_absolute_loss": Loss(
            "eps_insensitive_absolute_loss_objective", _insensitive_absolute(insensitivity), 1
        ),
        "quantile_loss": Loss("quantile_loss_objective", _quantile(quantile), 1),
        "huber_loss": Loss("huber_loss_objective", _huber(huber_delta), 2),
    }[name]
