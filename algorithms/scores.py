"""Scores of predictions, as the algorithms log them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[Any]


def accuracy(actual: Labels, predicted: Labels) -> float:
    """Return the share of equal labels; both of shape (n,), n ≥ 1."""
    return float(np.mean(actual == predicted))


def macro_f1(actual: Labels, predicted: Labels) -> float:
    """Return the mean over classes (of either array) of F1 = 2 TP / (2 TP + FP + FN); both of shape (n,)."""
    classes, codes = np.unique(np.concatenate([actual, predicted]), return_inverse=True)
    true, guessed = codes[: len(actual)], codes[len(actual) :]
    hits = np.bincount(true[true == guessed], minlength=len(classes))
    either = np.bincount(true, minlength=len(classes)) + np.bincount(guessed, minlength=len(classes))
    return float(np.mean(2 * hits / either))


def mean_squared_error(actual: Labels, predicted: Labels) -> float:
    """Return the mean of (actual - predicted)², computed in float64; both of shape (n,), n ≥ 1."""
    return float(np.mean((actual.astype(np.float64) - predicted) ** 2))
