"""Standardisation of features and labels, learned from the first rows and folded back into the weights.

Training sees z = (x - mean) / deviation. The finished model must take raw x, and
z·w + b = x·(w / deviation) + (b - mean·(w / deviation)): one product on raw features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_TOGETHER = 2**16
"""Values whose distances are taken at a time: 512 KiB of float64, which stay in the second-level cache."""


@dataclass(frozen=True)
class Scaler:
    """mean and deviation per feature, shape (feature_dim,), float64; deviation is never 0."""

    mean: Doubles
    deviation: Doubles

    def apply(self, features: Features) -> Features:
        """Scaled rows in memory of their own. CSR is divided only: centring would fill in every zero."""
        if isinstance(features, np.ndarray):
            scaled = np.subtract(features, self.mean.astype(np.float32))
            scaled *= (1 / self.deviation).astype(np.float32)
            return scaled
        data = features.data * (1 / self.deviation).astype(np.float32)[features.indices]
        return type(features)((data, features.indices, features.indptr), shape=features.shape)

    def at(self, columns: npt.NDArray[np.int64]) -> Scaler:
        """Return the scaler of some features alone."""
        return Scaler(self.mean[columns], self.deviation[columns])

    def fold(self, weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Weights (feature_dim, columns) and bias (columns,) for raw rows."""
        if not self.mean.any():  # sparse rows: no table of doubles for each of their columns
            raw = np.empty_like(weights)
            np.divide(weights, self.deviation[:, None], out=raw, casting="same_kind")
            return raw, bias.copy()
        exact = weights.astype(np.float64) / self.deviation[:, None]
        return exact.astype(np.float32), (bias - self.mean @ exact).astype(np.float32)


@dataclass(frozen=True)
class LabelScaler:
    """mean and deviation of a regressor's label."""

    mean: float = 0.0
    deviation: float = 1.0

    def apply(self, labels: Floats) -> Floats:
        """(label - mean) / deviation; the labels themselves where that changes nothing."""
        if self.mean == 0 and self.deviation == 1:
            return labels
        return ((labels - np.float32(self.mean)) / np.float32(self.deviation)).astype(np.float32, copy=False)

    def fold(self, weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Weights and bias whose scores are in the label's own unit."""
        return (
            (weights * np.float32(self.deviation)).astype(np.float32),
            (bias.astype(np.float64) * self.deviation + self.mean).astype(np.float32),
        )


def learn_scaler(head: list[Batch], *, points: int, centre: bool, divide: bool) -> Scaler | None:
    """Learn from at most `points` rows of `head`; None where neither is asked for.

    A feature that is constant in those rows keeps its unit: its deviation counts as 1.
    """
    sparse = not isinstance(head[0].features, np.ndarray)
    centre = centre and not sparse
    if not (centre or divide):
        return None
    mean, variance = _sparse_moments(_first(head, points)) if sparse else _moments(_first(head, points))
    deviation = np.sqrt(variance) if divide else np.ones_like(mean)
    deviation[deviation == 0] = 1
    return Scaler(mean if centre else np.zeros_like(mean), deviation)


def learn_label_scaler(head: list[Batch], *, points: int, centre: bool, divide: bool) -> LabelScaler:
    """Learn the same for a regressor's labels."""
    labels = np.concatenate([batch.labels for batch in head if batch.labels is not None])[:points]
    values = labels.astype(np.float64)
    deviation = float(values.std()) if divide else 1.0
    return LabelScaler(float(values.mean()) if centre else 0.0, deviation or 1.0)


def _first(head: list[Batch], points: int) -> list[Any]:
    rows: list[Features] = []
    for batch in head:
        if points <= 0:
            break
        rows.append(batch.features[:points])
        points -= len(batch)
    return rows


def _moments(blocks: list[Floats]) -> tuple[Doubles, Doubles]:
    """Mean and variance of each column, in float64, in one pass over blocks of rows.

    Sums are taken of the distances from the first row, so that a large mean does not swallow a small
    deviation: n rows lose at most log10(n) of float64's 16 digits, and a constant column's variance is 0.
    """
    first = blocks[0][0].astype(np.float64)
    step = max(1, _TOGETHER // max(1, len(first)))
    room = np.empty((step, len(first)))
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for block in blocks:
        for start in range(0, len(block), step):
            rows = block[start : start + step]
            distance = room[: len(rows)]
            distance[...] = rows  # apart from the subtraction: both at once take longer
            distance -= first
            total += distance.sum(axis=0)
            squares += np.einsum("ij,ij->j", distance, distance)
    count = sum(map(len, blocks))
    mean = total / count
    return first + mean, np.maximum(squares / count - mean * mean, 0)


def _sparse_moments(blocks: list[csr_matrix]) -> tuple[Doubles, Doubles]:
    """Mean and variance of each column; the zeros add mean² each."""
    from scipy.sparse import vstack

    rows = vstack(blocks, format="csr")  # sums by column take time for every column of every block
    count, columns = rows.shape
    mean = np.bincount(rows.indices, weights=rows.data, minlength=columns) / count
    distance = rows.data - mean[rows.indices]
    filled = np.bincount(rows.indices, minlength=columns)
    squares = np.bincount(rows.indices, weights=distance * distance, minlength=columns)
    return mean, (squares + mean**2 * (count - filled)) / count
