"""The factorization machine of degree two (Rendle 2010): scores and gradients of a mini-batch.

score(x) = b + Σᵢ wᵢ xᵢ + Σ_{i<j} ⟨vᵢ, vⱼ⟩ xᵢ xⱼ, and the pairs cost O(k n) by
Σ_{i<j} ⟨vᵢ, vⱼ⟩ xᵢ xⱼ = ½ Σ_f [(Σᵢ v_{if} xᵢ)² - Σᵢ v_{if}² xᵢ²].

Factors and linear weights lie side by side in one table (feature_dim, k + 1), the linear weight last, so that
X · table gives all sums at once and Xᵀ · (…) all gradients. The second sum needs no product with k columns:
Σ_f Σᵢ v_{if}² xᵢ² = X² · q with qᵢ = Σ_f v_{if}², a matrix-vector product; nor does its gradient.
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
    features: Features, table: Floats, bias: float, *, squared_lengths: Floats | None = None
) -> Forward:
    """Scores of n rows.

    squared_lengths: of `table`, where they are known: to work them out costs a pass over it.
    """
    sums = np.asarray(features @ table, dtype=np.float32)
    squares = _squared(features)
    pairs = np.einsum("nf,nf->n", sums[:, :-1], sums[:, :-1])
    pairs -= squares @ (lengths(table) if squared_lengths is None else squared_lengths)
    pairs *= np.float32(0.5)
    pairs += sums[:, -1]
    pairs += np.float32(bias)
    return Forward(pairs, sums, squares, features)


def sparse_gradient(done: Forward, slope: Floats, table: Floats) -> Floats:
    """Gradient of the table, (columns, k + 1), by sparse rows; those of dense ones: see `dense`.

    slope: ∂loss/∂score, (n,). The rows come over the columns that occur in them alone (see `touched`), with
    those rows of the table: that keeps the cost in proportion to what is touched.
    """
    weighted = done.sums * slope[:, None]
    weighted[:, -1] = slope
    across: csc_matrix = done.features.T
    squares: csr_matrix = done.squares
    gradient = np.asarray(across @ weighted)
    # What each feature contributes to its own sum.
    own = table * np.asarray(_with_data(across, squares.data) @ slope)[:, None]
    own[:, -1] = 0
    gradient -= own
    return gradient


def _squared(features: Features) -> Features:
    if isinstance(features, np.ndarray):
        return np.square(features)
    return _with_data(features, np.square(features.data))


def _with_data(rows: csr_matrix | csc_matrix, data: Floats) -> csr_matrix | csc_matrix:
    """Return a matrix with other non-zeros at the same places; a constructor takes seven times as long."""
    other = copy(rows)
    other.data = data
    return other
