"""The best that each of many models reaches of a criterion, without sorting every model's scores.

All models at once: scores have shape (n, models), float32; labels (n,) are 0 and 1. Of many rows the best
threshold is looked for on a grid of `BINS` steps, evenly spaced in s / (1 + |s|), s being the score over
the model's median absolute score: finest around 0, and no far score stretches it. For 50,000 rows and 32
models that takes 10 ms, where sorting takes 100.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from algorithms.linear_learner.calibration import calibrate, criterion_values
from algorithms.linear_learner.settings import Criterion

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

BINS = 4096
SORTED_ROWS = 4096
"""So many rows are sorted, which is exact: they are no more than there are steps."""
_SAMPLED = 1024
_TOGETHER = 2**16
"""Scores put into bins at a time: a quarter of a MiB."""


def best_values(criterion: Criterion, scores: Floats, labels: Floats) -> Doubles:
    """Return the best value (models,) of the criterion that a threshold gives each model."""
    count, models = scores.shape
    if count <= SORTED_ROWS:
        # One model after another: side by side they would be sorted in as many times the memory.
        return np.concatenate([calibrate(criterion, scores[:, m : m + 1], labels)[0] for m in range(models)])
    negatives, positives = _counted(scores, labels)
    actual = float(positives[0].sum())
    best = np.empty(models)
    for model in range(models):  # the steps of one stay in the first-level cache, those of all in none
        true, false = _from_above(positives[model]), _from_above(negatives[model])
        best[model] = criterion_values(criterion, true, true + false, actual, count).max()
    return best


def _from_above(counts: npt.NDArray[np.int64]) -> Doubles:
    """Return the rows of each step and all above it, (BINS + 1,), from the highest on; first that of none."""
    found = np.zeros(len(counts) + 1)
    np.cumsum(counts[::-1], out=found[1:])
    return found


def _counted(scores: Floats, labels: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count rows of label 0 and of label 1 by model and step: (models, BINS) each."""
    count, models = scores.shape
    step = max(1, _TOGETHER // models)
    # From all over them: the first may be of another size than the rest.
    middle = np.median(np.abs(scores[:: max(1, count // _SAMPLED)]), axis=0)
    scale = (1 / np.where(np.isfinite(middle) & (middle > 0), middle, 1)).astype(np.float32)
    found = np.zeros(2 * models * BINS, np.int64)
    first_bins = np.arange(models, dtype=np.int32) * BINS
    # Used again by every part: touching fresh memory would take longer than the arithmetic.
    places, above_ones = np.empty((2, min(step, count), models), np.float32)
    all_bins = np.empty(places.shape, np.int32)
    for first in range(0, count, step):
        part = slice(first, first + step)
        rows = len(labels[part])
        place, above_one, bins = places[:rows], above_ones[:rows], all_bins[:rows]
        np.multiply(scores[part], scale, out=place)
        np.clip(place, -1e30, 1e30, out=place)  # a score beyond all bounds is in the last step on its side
        np.abs(place, out=above_one)
        above_one += 1
        place /= above_one
        place *= BINS / 2
        place += BINS / 2
        with np.errstate(invalid="ignore"):  # a model that has diverged is not chosen, whatever its value
            np.copyto(bins, place, casting="unsafe")
        np.clip(bins, 0, BINS - 1, out=bins)
        bins += first_bins
        bins += np.where(labels[part] > 0, np.int32(models * BINS), np.int32(0))[:, None]
        np.add.at(
            found, bins.reshape(-1), 1
        )  # and not np.bincount, which makes as many counts anew each time
    negatives, positives = found.reshape(2, models, BINS)
    return negatives, positives
