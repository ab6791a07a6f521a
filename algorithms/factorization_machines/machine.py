"""The factorization machine of degree two (Rendle 2010): scores and gradients of a mini-batch.

score(x) = b + Σᵢ wᵢ xᵢ + Σ_{i<j} ⟨vᵢ, vⱼ⟩ xᵢ xⱼ, and the pairs cost O(k n) by
Σ_{i<j} ⟨vᵢ, vⱼ⟩ xᵢ xⱼ = ½ Σ_f [(Σᵢ v_{if} xᵢ)² - Σᵢ v_{if}² xᵢ²].

Factors and linear weights lie side by side in one table (feature_dim, k + 1), the linear weight last, so that
X · table gives all sums at once and Xᵀ · (…) all gradients. The second sum needs no product with k columns:
Σ_f Σᵢ v_{if}² xᵢ² = X² · q with qᵢ = Σ_f v_{if}², a matrix-vector product; so does its gradient.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.base import Features

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Forward:
    """What the scores of a mini-batch leave for its gradient.

    scores: (n,). sums: (n, k + 1), X · table. squares: X², as X is stored. features: X itself.
    """

    scores: Floats
    sums: Floats
    squares: Features
    features: Features


def lengths(table: Floats) -> Floats:
    """Return q above, (feature_dim,): the squared length of each feature's factors."""
    factors = table[:, :-1]
    return np.asarray(np.einsum("if,if->i", factors, factors))


def forward(
    features: Features,
    table: Floats,
    bias: float,
    *,
    square: Floats | None = None,
    squared_lengths: Floats | None = None,
) -> Forward:
    """Scores of n rows.

    square: a buffer (≥ n, feature_dim) for X² of dense rows. squared_lengths: of `table`, where they are
    known: to work them out costs a pass over it.
    """
    sums = np.asarray(features @ table, dtype=np.float32)
    squares = _squared(features, square)
    pairs = np.einsum("nf,nf->n", sums[:, :-1], sums[:, :-1])
    pairs -= squares @ (lengths(table) if squared_lengths is None else squared_lengths)
    pairs *= np.float32(0.5)
    pairs += sums[:, -1]
    pairs += np.float32(bias)
    return Forward(pairs, sums, squares, features)


def gradient(done: Forward, slope: Floats, table: Floats) -> tuple[Rows | None, Floats]:
    """Rows of the table that occur in the mini-batch, None for all, and their gradient (rows, k + 1).

    slope: ∂loss/∂score, (n,). A feature that is 0 in every row has no gradient and is left out. Sparse rows
    come over the columns that occur in them alone (see `touched`), with those rows of the table: that keeps
    the cost in proportion to what is touched.
    """
    weighted = done.sums * slope[:, None]
    weighted[:, -1] = slope
    if not isinstance(done.features, np.ndarray):
        across: csc_matrix = done.features.T
        squares: csr_matrix = done.squares
        second = np.asarray(_with_data(across, squares.data) @ slope)
        return None, _finish(np.asarray(across @ weighted), second, table)
    second, seen = np.stack([slope, np.ones_like(slope)]) @ done.squares
    rows = np.flatnonzero(seen)
    full = done.features.T @ weighted
    if len(rows) == len(full):
        return None, _finish(full, second, table)
    return rows, _finish(full.take(rows, axis=0), second[rows], table.take(rows, axis=0))


def _finish(first: Floats, second: Floats, table: Floats) -> Floats:
    """Subtract from the factors' gradient what each feature contributes to its own sum."""
    own = table * second[:, None]
    own[:, -1] = 0
    first -= own
    return first


def _squared(features: Features, buffer: Floats | None) -> Features:
    if isinstance(features, np.ndarray):
        return np.square(features, out=None if buffer is None else buffer[: len(features)])
    return _with_data(features, np.square(features.data))


def _with_data(rows: csr_matrix | csc_matrix, data: Floats) -> csr_matrix | csc_matrix:
    """Return a matrix with other non-zeros at the same places; a constructor takes seven times as long."""
    other = copy(rows)
    other.data = data
    return other
