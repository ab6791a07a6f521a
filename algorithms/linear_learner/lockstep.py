"""Many linear models trained side by side: two matrix products a mini-batch serve them all.

Weights have shape (feature_dim, classes · models), C-ordered float32, so that `X @ W` and `X.T @ G` are both
plain matrix products with contiguous operands. Measured on mini-batches of 200 × 784 with two OpenBLAS
threads, both products together, in µs:

| columns | this order | transposed (`W.T @ X.T`, `G.T @ X`) | this order, one thread |
|---:|---:|---:|---:|
| 10 | 126 | 151 | 244 |
| 32 | 171 | 206 | 322 |
| 320 | 1068 | 1121 | 2060 |

So one process keeps the library's own thread count at every width. Dividing the models or the features
between two Python threads with one BLAS thread each was slower: they wait for each other at every pass of the
optimizer. Processes do not (see `divided`).

A sparse mini-batch touches only the rows of W whose features occur in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.aligned import zeros
from algorithms.base import Batch
from algorithms.linear_learner.column_sums import ColumnSums
from algorithms.linear_learner.columns import Columns
from algorithms.linear_learner.example_weights import ExampleWeights
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.losses import Loss
from algorithms.linear_learner.parameters import Parameters
from algorithms.linear_learner.rates import GROUP
from algorithms.linear_learner.scaling import LabelScaler
from algorithms.linear_learner.settings import Settings
from algorithms.ranks import Ranks
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
    """The models of one job and their training.

    alive: (models,), which of them have not diverged.
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
        self._loss, self._labels, self._example_weights = loss, labels, example_weights
        self._parameters = Parameters(settings, variants, feature_dim, seed, columns)
        # Room for the mini-batches there are, which may be much smaller than the hyperparameter says.
        self._scores = zeros((0, self._parameters.width))
        self._losses = ColumnSums(self.models)
        self._touched = Touched()
        # Where several processes have some of the features each: which, and what connects them.
        self._range = slice(0, feature_dim)
        self._ranks: Ranks | None = None
        self._at_once = _rows_at_once(feature_dim, self._parameters.width)
        self.alive = np.ones(self.models, bool)

    @property
    def weights(self) -> Floats:
        """A view of the weights (features, classes · models), see `Parameters`."""
        return self._parameters.weights

    @property
    def bias(self) -> Floats:
        """A view of the bias (classes · models,)."""
        return self._parameters.bias

    def epoch(self, batches: Iterable[Batch]) -> tuple[Doubles, int]:
        """One pass of updates; mean loss per model (before each update) and the number of records.

        A model whose loss or weights are no longer finite is retired: it is set to 0 and never updated
        again, and the others do not notice, since columns do not mix.
        """
        count = 0
        self._losses = ColumnSums(self.models)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for batch in batches:
                self._update(batch)
                count += len(batch)
            self._parameters.settle()
            mean: Doubles = self._losses.total() / max(count, 1)
            finite = self._parameters.finite.reshape(self.classes, self.models).all(axis=0)
        usable = finite & np.isfinite(mean)
        if self._ranks is not None:  # a model is no better than its worst part
            usable = self._ranks.sum(usable.astype(np.float32)) == self._ranks.size
        self._retire(self.alive & ~usable)
        return mean, count

    def part(self, features: slice, table: Floats, ranks: Ranks) -> LockStep:
        """Return the same models with some of the (dense) features, as one of several processes trains them.

        Scores are the sum of all processes'. The first one's has the bias. table: see `Parameters.part`.
        """
        part = copy(self)
        part._parameters = self._parameters.part(features, table, bias=ranks.rank == 0)
        part._range, part._ranks = features, ranks
        most = -(-self._parameters.features // ranks.size)
        part._at_once = _rows_at_once(most, self._parameters.width)  # the same in all
        part.alive = self.alive.copy()
        return part

    def take_over(self, part: LockStep, tables: Iterable[tuple[slice, Floats]]) -> None:
        """Take the weights of all parts from their tables, and from one of them which models are alive."""
        self._parameters.take_over(tables)
        self.alive[...] = part.alive

    def _update(self, batch: Batch) -> None:
        assert batch.labels is not None
        features, labels = batch.features, self._labels.apply(batch.labels)
        if len(labels) > len(self._scores):
            self._scores = zeros((len(labels), self._scores.shape[1]))
        scores = self._scores[: len(labels)]
        if isinstance(features, np.ndarray):
            self._update_dense(features, labels, scores)
        else:
            self._update_sparse(features, labels, scores)

    def _update_dense(self, features: Floats, labels: Floats, scores: Floats) -> None:
        gradient, count = self._parameters.gradient, len(labels)
        for start in range(0, count, self._at_once):
            part = slice(start, start + self._at_once)
            rows, its_scores = features[part, self._range], scores[part]
            self._score(rows, its_scores)
            self._score_gradient(its_scores, labels[part], count)
            if not start:
                np.matmul(rows.T, its_scores, out=gradient)
            else:
                gradient += rows.T @ its_scores
        self._parameters.step(scores)

    def _score(self, rows: Floats, scores: Floats) -> None:
        contribution = scores if self._ranks is None else self._ranks.room(scores.shape)
        np.matmul(rows, self._parameters.weights, out=contribution)
        self._parameters.add_bias(contribution)
        if self._ranks is not None:
            self._ranks.total(scores)

    def _update_sparse(self, features: csr_matrix, labels: Floats, scores: Floats) -> None:
        parameters = self._parameters
        if features.shape[1] > parameters.features:
            parameters.grow(features.shape[1])
        # Updating all costs less than finding out which, unless most columns lack a non-zero.
        if features.nnz >= parameters.features or not parameters.follows_absence:
            self._update_all(features, labels, scores)
            return
        touched, compact = self._touched.of(features, more=1, group=GROUP)
        if len(touched) >= _DENSE_SHARE * parameters.features:
            self._update_all(features, labels, scores)
            return
        recalled = parameters.recall(touched, compact.shape[1])
        np.copyto(scores, compact @ recalled.weights)
        parameters.add_bias(scores)
        self._score_gradient(scores, labels, len(labels))
        parameters.step_rows(recalled, len(touched), np.asarray(compact.T @ scores), scores)

    def _update_all(self, features: csr_matrix, labels: Floats, scores: Floats) -> None:
        """Update all rows by sparse features."""
        self._parameters.settle()
        width = features.shape[1]
        np.copyto(scores, features @ self._parameters.weights[:width])
        self._parameters.add_bias(scores)
        self._score_gradient(scores, labels, len(labels))
        gradient = self._parameters.gradient
        gradient[:width] = features.T @ scores
        gradient[width:] = 0
        self._parameters.step(scores)

    def _score_gradient(self, scores: Floats, labels: Floats, count: int) -> None:
        """Turn scores into ∂(mean loss)/∂score in place; the losses are added up.

        count: of the mini-batch's rows, of which these may be some.
        """
        grouped = scores if self.classes == 1 else scores.reshape(-1, self.classes, self.models)
        losses = self._loss.evaluate(grouped, labels, grouped)
        weights = self._example_weights.of(labels)
        if weights is not None:
            losses = losses * weights
            grouped *= weights if self.classes == 1 else weights[:, None, :]
        np.multiply(scores, np.float32(1 / count), out=scores)
        self._losses.add(losses)

    def _retire(self, dead: npt.NDArray[np.bool_]) -> None:
        if dead.any():
            self.alive &= ~dead
            self._parameters.clear(np.tile(dead, self.classes))


def _rows_at_once(features: int, width: int) -> int:
    """Return of how many rows both products are taken before the next rows' are."""
    return max(_TWICE_READ // (4 * features) // GROUP * GROUP, _ROWS_A_COLUMN * width)
