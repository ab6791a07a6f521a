"""Many linear models trained side by side: two matrix products a mini-batch serve them all.

Weights have shape (feature_dim, classes · models), C-ordered float32, so that `X @ W` and `X.T @ G` are both
plain matrix products with contiguous operands. Measured on mini-batches of 200 × 784 with two OpenBLAS
threads, both products together, in µs:

| columns | this order | transposed (`W.T @ X.T`, `G.T @ X`) | this order, one thread |
|---:|---:|---:|---:|
| 10 | 126 | 151 | 244 |
| 32 | 171 | 206 | 322 |
| 320 | 1068 | 1121 | 2060 |

So the library's own thread count is kept at every width. Dividing the models or the features between two
Python threads with one BLAS thread each was slower: they wait for each other at every pass of the optimizer.

A sparse mini-batch touches only the rows of W whose features occur in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.aligned import zeros
from algorithms.base import Batch
from algorithms.linear_learner.absence import grown
from algorithms.linear_learner.columns import Columns
from algorithms.linear_learner.example_weights import ExampleWeights
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.initial import InitialWeights
from algorithms.linear_learner.losses import Loss
from algorithms.linear_learner.optimizers import create
from algorithms.linear_learner.rates import GROUP, Penalty, Rates
from algorithms.linear_learner.scaling import LabelScaler
from algorithms.linear_learner.settings import Settings
from algorithms.touched import Touched

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_TWICE_READ, _ROWS_A_COLUMN = 4 * 2**20, 2
"""Bytes of rows that the second product still finds in the processor's cache, and rows for each column of W.

A dense mini-batch of more is done a part at a time, unless adding up the parts' gradients costs as much as it
saves. Both products of 1,000 rows with 32 columns, one thread: 1.79 ns a value instead of 1.91 at 4,096
features, 2.04 instead of 2.53 at 16,384.
"""

_DENSE_SHARE = 0.25
"""A sparse mini-batch in which such a share of the rows occurs updates all. Taking some is quicker up to 0.4,
but follows the penalties less exactly (see `absence`)."""


class LockStep:
    """The models of one job, their optimizers and their learning rates.

    `weights` (rows, classes · models) and `bias` (classes · models,) are in the scaled unit of training. The
    rows are the features, or for sparse data (with `columns`) the places of those that have occurred.
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
        columns: Columns | None = None,
    ) -> None:
        self.models, self.classes = len(variants), settings.classes
        width = self.models * self.classes
        self._loss, self._labels, self._example_weights = loss, labels, example_weights
        self._use_bias, self._schedule = settings.use_bias, settings.schedule
        self._initial = InitialWeights(settings.initial, (feature_dim, width), seed)
        self._columns = columns
        # One table for weights and bias, so that one step of the optimizer serves both: a step of its own
        # for the bias costs 11 µs for 32 numbers. Rows behind the bias are 0 and only fill up the last group.
        self._features = 0 if columns else feature_dim
        self._table = zeros((_padded(self._features), width))
        if columns is None:
            self._initial.fill(self.weights)
        if settings.use_bias:
            self.bias[...] = settings.initial.bias
        minimum = settings.schedule.minimum if settings.schedule else 0.0
        self._rates = Rates(self._per_column([variant.learning_rate for variant in variants]), minimum)
        wd = self._per_column([variant.wd for variant in variants])
        self._penalty = Penalty(wd, self._per_column([variant.l1 for variant in variants]))
        bias_wd = wd * np.float32(settings.bias_wd_mult)
        self._bias_wd = bias_wd if bias_wd.any() else None
        self._bias_lr_mult = np.float32(settings.bias_lr_mult)
        self._optimizer = create(settings.optimizer, self._table.shape)
        # Room for the mini-batches there are, which may be much smaller than the hyperparameter says.
        self._scores = zeros((0, width))
        self._bias_group = np.empty((GROUP, width), np.float32)  # see `rates`
        self._losses = _Sum(self.models)
        self._gradient = np.zeros((0, width), np.float32)  # of all rows, once a step needs it
        # A product sums columns in a third of the time.
        self._ones = np.ones(0, np.float32)
        self._touched = Touched()
        self._updates = 0
        self.alive = np.ones(self.models, bool)

    @property
    def weights(self) -> Floats:
        """A view of the weights."""
        return self._table[: self._features]

    @property
    def bias(self) -> Floats:
        """A view of the bias."""
        bias: Floats = self._table[self._features]
        return bias

    def epoch(self, batches: Iterable[Batch]) -> tuple[Doubles, int]:
        """One pass of updates; mean loss per model (before each update) and the number of records.

        A model whose loss or weights are no longer finite is retired: it is set to 0 and never updated
        again, and the others do not notice, since columns do not mix.
        """
        count = 0
        self._losses = _Sum(self.models)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for batch in batches:
                self._update(batch)
                count += len(batch)
            self._optimizer.settle(self._table, self._rates)
            mean: Doubles = self._losses.total() / max(count, 1)
            finite = np.isfinite(self.weights).all(axis=0) & np.isfinite(self.bias)
        self._retire(self.alive & ~(np.isfinite(mean) & self._grouped(finite).all(axis=0)))
        return mean, count

    def _update(self, batch: Batch) -> None:
        assert batch.labels is not None
        features, labels = batch.features, self._labels.apply(batch.labels)
        if len(labels) > len(self._scores):
            self._scores = zeros((len(labels), self._scores.shape[1]))
            self._ones = np.ones(len(labels), np.float32)
        scores = self._scores[: len(labels)]
        bias = self.bias.copy() if self._bias_lr_mult != 1 else None
        if isinstance(features, np.ndarray):
            self._update_dense(features, labels, scores)
        else:
            self._update_sparse(features, labels, scores)
        self._updates += 1
        if self._schedule is not None and self._updates % self._schedule.step == 0:
            self._rates.multiplier = self._schedule.multiplier(self._updates)
        if bias is not None:  # every optimizer's step is in proportion to the rate
            self.bias[...] += (self._bias_lr_mult - 1) * (self.bias - bias)

    def _update_dense(self, features: Floats, labels: Floats, scores: Floats) -> None:
        gradient, count = self._room()[: self._features], len(labels)
        rows = self._rows_at_once()
        for start in range(0, count, rows):
            part = slice(start, start + rows)
            np.matmul(features[part], self.weights, out=scores[part])
            self._score_gradient(scores[part], labels[part], count)
            if not start:
                np.matmul(features[part].T, scores[part], out=gradient)
            else:
                gradient += features[part].T @ scores[part]
        self._step(scores)

    def _rows_at_once(self) -> int:
        """Return of how many rows both products are taken before the next rows' are."""
        features, width = len(self._table), self.models * self.classes
        return max(_TWICE_READ // (4 * features) // GROUP * GROUP, _ROWS_A_COLUMN * width)

    def _update_sparse(self, features: csr_matrix, labels: Floats, scores: Floats) -> None:
        if features.shape[1] > self._features:
            self._grow(features.shape[1])
        # Updating all costs less than finding out which, unless most columns lack a non-zero.
        if features.nnz >= self._features or not self._optimizer.follows_absence:
            self._update_all(features, labels, scores)
            return
        touched, compact = self._touched.of(features, more=1, group=GROUP)
        if len(touched) >= _DENSE_SHARE * self._features:
            self._update_all(features, labels, scores)
            return
        # Behind them the bias, then one of the rows that fill up the table and stay 0, as often as needed.
        rows = np.full(compact.shape[1], self._features + 1)
        rows[: len(touched)] = touched
        rows[len(touched)] = self._features
        recalled = self._optimizer.recall(self._table, self._rates, rows)
        np.copyto(scores, compact @ recalled.weights)
        self._score_gradient(scores, labels, len(labels))
        gradient = np.asarray(compact.T @ scores)
        self._put_bias_slope(scores, gradient[len(touched)])
        free = len(rows) - len(touched)
        self._optimizer.step_rows(self._table, recalled, gradient, self._rates, self._penalty, free=free)

    def _update_all(self, features: csr_matrix, labels: Floats, scores: Floats) -> None:
        """Update all rows by sparse features."""
        self._optimizer.settle(self._table, self._rates)
        width = features.shape[1]
        np.copyto(scores, features @ self.weights[:width])
        self._score_gradient(scores, labels, len(labels))
        room = self._room()
        room[:width] = features.T @ scores
        room[width : self._features] = 0
        self._step(scores)

    def _room(self) -> Floats:
        """Return the memory for a gradient of all rows, with 0 in those that fill up the last group."""
        if len(self._gradient) != len(self._table):
            self._gradient = zeros(self._table.shape)
        return self._gradient

    def _step(self, scores: Floats) -> None:
        """One step for all rows; the features' part of `_gradient` is filled in.

        A step leaves 0 in the rows that fill up the last group, since their moments stay 0.
        """
        self._put_bias_slope(scores, self._gradient[self._features])
        self._optimizer.step(
            self._table,
            self._gradient,
            self._rates,
            self._penalty,
            free=len(self._table) - self._features,
        )

    def _grow(self, features: int) -> None:
        """Make room for columns that have occurred for the first time, with their initial weights."""
        assert self._columns is not None
        at, more, total = self._features, features - self._features, _padded(features + 1)
        self._table = grown(self._table, at, more, total)
        self._optimizer.grow(at, more, total)
        self._features = features
        self._initial.pick(self._columns.occurred[at:features], self._table[at:features])

    def _score_gradient(self, scores: Floats, labels: Floats, count: int) -> None:
        """Add the bias and turn scores into ∂(mean loss)/∂score in place; the losses are added up.

        count: of the mini-batch's rows, of which these may be some.
        """
        self._add_bias(scores)
        grouped = scores if self.classes == 1 else scores.reshape(-1, self.classes, self.models)
        losses = self._loss.evaluate(grouped, labels, grouped)
        weights = self._example_weights.of(labels)
        if weights is not None:
            losses = losses * weights
            grouped *= weights if self.classes == 1 else weights[:, None, :]
        np.multiply(scores, np.float32(1 / count), out=scores)
        self._losses.add(losses)

    def _add_bias(self, scores: Floats) -> None:
        if len(scores) % GROUP:
            np.add(scores, self.bias, out=scores)
            return
        self._bias_group[...] = self.bias
        wide = scores.reshape(-1, self._bias_group.size)
        np.add(wide, self._bias_group.reshape(-1), out=wide)

    def _put_bias_slope(self, scores: Floats, slope: Floats) -> None:
        """Write the gradient of the bias into its row; 0 without one, which leaves it where it is."""
        if not self._use_bias:
            slope[...] = 0
            return
        np.matmul(self._ones[: len(scores)], scores, out=slope)
        if self._bias_wd is not None:
            slope += self._bias_wd * self.bias

    def _retire(self, dead: npt.NDArray[np.bool_]) -> None:
        if not dead.any():
            return
        self.alive &= ~dead
        columns = np.tile(dead, self.classes)
        self.weights[:, columns] = 0
        self.bias[columns] = 0
        self._rates = self._rates.without(columns)
        self._optimizer.clear(columns)

    def _per_column(self, per_model: Sequence[float]) -> Floats:
        return np.tile(np.asarray(per_model, np.float32), self.classes)

    def _grouped(self, columns: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return columns.reshape(self.classes, self.models)


class _Sum:
    """Column sums of many arrays (n, columns).

    Adding arrays to each other takes a quarter of the time of summing the columns of each. float32 over a few
    hundred arrays, float64 beyond.
    """

    _ARRAYS = 256

    def __init__(self, columns: int) -> None:
        self._added, self._count = zeros((0, columns)), 0
        self._total = np.zeros(columns)

    def add(self, array: Floats) -> None:
        """Add an array."""
        if len(array) > len(self._added):
            self.total()
            self._added = zeros(array.shape)
        part = self._added[: len(array)]
        np.add(part, array, out=part)
        self._count += 1
        if self._count % self._ARRAYS == 0:
            self.total()

    def total(self) -> Doubles:
        """Return the sum of each column."""
        self._total += self._added.sum(axis=0, dtype=np.float64)
        self._added[...] = 0
        return self._total


def _padded(features: int) -> int:
    """Return the rows of a table for weights and a bias: a multiple of GROUP."""
    return -(-(features + 1) // GROUP) * GROUP
