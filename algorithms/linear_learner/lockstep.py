"""Many linear models trained side by side: one matrix product a mini-batch scores them all, one more has all
gradients.

Weights have shape (feature_dim, models · classes), C-ordered float32, so that `X @ W` and `X.T @ G` are both
plain matrix products with contiguous operands. Measured at 200 × 784 × 32 with two OpenBLAS threads this
order takes 150 µs a mini-batch, the transposed one (`W.T @ X.T`, `G.T @ X`) 200 µs; with one thread 270 µs.
For 320 columns the orders differ by less than a tenth and two threads halve the time, so the library's own
thread count is kept.

A sparse mini-batch touches only the rows of W whose features occur in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.losses import Loss
from algorithms.linear_learner.optimizers import Penalty, create
from algorithms.linear_learner.scaling import LabelScaler
from algorithms.linear_learner.settings import Initial, Settings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_DENSE_SHARE = 4
"""A sparse mini-batch with at least feature_dim / 4 non-zeros updates all rows: gathering would cost more."""


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


class LockStep:
    """The models of one job, their optimizers and their learning rates.

    `weights` (feature_dim, models · classes) and `bias` (models · classes,) are in the scaled unit of
    training.
    """

    def __init__(
        self,
        settings: Settings,
        variants: Sequence[Variant],
        feature_dim: int,
        loss: Loss,
        labels: LabelScaler,
        example_weights: ExampleWeights,
        seed: int,
    ) -> None:
        self.models, self.classes = len(variants), settings.classes
        columns = self.models * self.classes
        self._loss, self._labels, self._example_weights = loss, labels, example_weights
        self._use_bias, self._schedule = settings.use_bias, settings.schedule
        self.weights = _initial(settings.initial, (feature_dim, columns), seed)
        self.bias = np.full(columns, settings.initial.bias if settings.use_bias else 0, np.float32)
        self._rates = self._columns([variant.learning_rate for variant in variants])
        wd = self._columns([variant.wd for variant in variants])
        self._penalty = Penalty.of(wd, self._columns([variant.l1 for variant in variants]))
        self._bias_penalty = Penalty.of(wd * np.float32(settings.bias_wd_mult), np.zeros(columns, np.float32))
        self._bias_lr_mult = np.float32(settings.bias_lr_mult)
        self._optimizer = create(settings.optimizer, self.weights.shape)
        self._bias_optimizer = create(settings.optimizer, (1, columns))
        self._scores = np.empty((settings.mini_batch_size, columns), np.float32)
        self._gradient = np.empty_like(self.weights)
        self._updates = 0
        self.alive = np.ones(self.models, bool)

    def epoch(self, batches: Iterable[Batch]) -> tuple[Doubles, int]:
        """One pass of updates; mean loss per model (before each update) and the number of records.

        A model whose loss or weights are no longer finite is retired: it is set to 0 and never updated
        again, and the others do not notice, since columns do not mix.
        """
        total, count = np.zeros(self.models), 0
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for batch in batches:
                total += self._update(batch)
                count += len(batch)
            mean: Doubles = total / max(count, 1)
            finite = np.isfinite(self.weights).all(axis=0) & np.isfinite(self.bias)
        self._retire(self.alive & ~(np.isfinite(mean) & self._grouped(finite).all(axis=1)))
        return mean, count

    def _update(self, batch: Batch) -> Doubles:
        assert batch.labels is not None
        features, count = batch.features, len(batch)
        labels = self._labels.apply(batch.labels)
        scores = self._scores[:count]
        if isinstance(features, np.ndarray):
            np.matmul(features, self.weights, out=scores)
        else:
            np.copyto(scores, features @ self.weights)
        scores += self.bias
        loss = self._score_gradient(scores, labels)
        self._updates += 1
        rates = self._current_rates()
        if self._use_bias:
            slope = scores.sum(axis=0, keepdims=True)
            self._bias_optimizer.step(
                self.bias[None, :], slope, rates * self._bias_lr_mult, self._bias_penalty
            )
        if isinstance(features, np.ndarray):
            np.matmul(features.T, scores, out=self._gradient)
            self._optimizer.step(self.weights, self._gradient, rates, self._penalty)
        else:
            self._update_sparse(features, scores, rates)
        return loss

    def _score_gradient(self, scores: Floats, labels: Floats) -> Doubles:
        """Turn scores into ∂(mean loss)/∂score in place; Σ loss per model."""
        count = len(labels)
        grouped = scores if self.classes == 1 else scores.reshape(count, self.models, self.classes)
        losses = self._loss.evaluate(grouped, labels, grouped)
        weights = self._example_weights.of(labels)
        if weights is not None:
            losses = losses * weights
            grouped *= weights if self.classes == 1 else weights[:, :, None]
        scores *= np.float32(1 / count)
        return np.asarray(losses.sum(axis=0, dtype=np.float64))

    def _update_sparse(self, features: csr_matrix, scores: Floats, rates: Floats) -> None:
        if features.nnz * _DENSE_SHARE >= features.shape[1]:
            gradient = np.ascontiguousarray(features.T @ scores, dtype=np.float32)
            self._optimizer.step(self.weights, gradient, rates, self._penalty)
            return
        touched, places = np.unique(features.indices, return_inverse=True)
        compact = type(features)((features.data, places, features.indptr), shape=(len(scores), len(touched)))
        gradient = np.ascontiguousarray(compact.T @ scores, dtype=np.float32)
        self._optimizer.step(self.weights, gradient, rates, self._penalty, rows=touched.astype(np.intp))

    def _current_rates(self) -> Floats:
        if self._schedule is None:
            return self._rates
        least = np.minimum(self._rates, np.float32(self._schedule.minimum))
        return np.maximum(self._rates * np.float32(self._schedule.multiplier(self._updates)), least)

    def _retire(self, dead: npt.NDArray[np.bool_]) -> None:
        if not dead.any():
            return
        self.alive &= ~dead
        columns = np.repeat(dead, self.classes)
        self.weights[:, columns] = 0
        self.bias[columns] = 0
        self._rates[columns] = 0
        self._optimizer.clear(columns)
        self._bias_optimizer.clear(columns)

    def _columns(self, per_model: Sequence[float]) -> Floats:
        return np.repeat(np.asarray(per_model, np.float32), self.classes)

    def _grouped(self, columns: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return columns.reshape(self.models, self.classes)


def _initial(initial: Initial, shape: tuple[int, int], seed: int) -> Floats:
    random = np.random.default_rng(seed)
    if initial.method == "normal":
        weights = random.standard_normal(shape, np.float32)
        weights *= np.float32(initial.sigma)
        return weights
    weights = random.random(shape, np.float32)
    weights -= np.float32(0.5)
    weights *= np.float32(2 * initial.scale)
    return weights
