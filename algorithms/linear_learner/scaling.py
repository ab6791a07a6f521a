"""Standardisation of features and labels, learned from the first rows and folded back into the weights.

Training sees z = (x - mean) / deviation. The finished model must take raw x, and
z·w + b = x·(w / deviation) + (b - mean·(w / deviation)): one product on raw features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


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
        if self == LabelScaler():
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
    Moments are taken in float64 and in two passes, so a large mean does not swallow a small deviation.
    """
    sparse = not isinstance(head[0].features, np.ndarray)
    centre = centre and not sparse
    if not (centre or divide):
        return None
    rows = _first(head, points)
    count = sum(int(block.shape[0]) for block in rows)
    total = sum((_column_sum(block) for block in rows), np.zeros(rows[0].shape[1]))
    mean: Doubles = total / count
    deviation = np.ones_like(mean)
    if divide:
        squares = sum((_square_sum(block, mean) for block in rows), np.zeros_like(mean))
        deviation = np.sqrt(squares / count)
        deviation[deviation == 0] = 1
    return Scaler(mean if centre else np.zeros_like(mean), deviation)


def learn_label_scaler(head: list[Batch], *, points: int, centre: bool, divide: bool) -> LabelScaler:
    """Learn the same for a regressor's labels."""
    labels = np.concatenate([batch.labels for batch in head if batch.labels is not None])[:points]
    values = labels.astype(np.float64)
    deviation = float(values.std()) if divide else 1.0
    return LabelScaler(float(values.mean()) if centre else 0.0, deviation or 1.0)


def _first(head: list[Batch], points: int) -> list[Features]:
    rows: list[Features] = []
    for batch in head:
        if points <= 0:
            break
        rows.append(batch.features[:points])
        points -= len(batch)
    return rows if isinstance(rows[0], np.ndarray) else [_stacked(rows)]


def _stacked(blocks: list[csr_matrix]) -> csr_matrix:
    """Return sparse rows as one block: sums by column take time for every column of every block."""
    from scipy.sparse import vstack

    return vstack(blocks, format="csr")


def _column_sum(block: Features) -> Doubles:
    if isinstance(block, np.ndarray):
        return np.asarray(block.sum(axis=0, dtype=np.float64))
    return np.bincount(block.indices, weights=block.data, minlength=block.shape[1]).astype(np.float64)


def _square_sum(block: Features, mean: Doubles) -> Doubles:
    """Σ (x - mean)² per column; of a sparse block by its non-zeros, the zeros adding mean² each."""
    if isinstance(block, np.ndarray):
        centred = block - mean
        return np.asarray(np.einsum("ij,ij->j", centred, centred))
    centred = block.data - mean[block.indices]
    columns = block.shape[1]
    filled = np.bincount(block.indices, minlength=columns)
    squares = np.bincount(block.indices, weights=centred * centred, minlength=columns)
    return np.asarray(squares + mean**2 * (block.shape[0] - filled))
