"""The least that a training can cost: the matrix products of its mini-batches, and nothing else.

On contiguous float32, with the BLAS threads that the run has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def linear_products(features: Floats, columns: int, batch_size: int, epochs: int) -> None:
    """Do X · W and Xᵀ · G of every mini-batch.

    Args:
        features: X (n, d).
        columns: of W and G: models times classes.
        batch_size: rows of a mini-batch.
        epochs: passes over X.

    """
    weights, slopes = (np.ones((rows, columns), np.float32) for rows in (features.shape[1], batch_size))
    scores, gradient = np.empty_like(slopes), np.empty_like(weights)
    for _ in range(epochs):
        for start in range(0, len(features), batch_size):
            batch = features[start : start + batch_size]
            np.matmul(batch, weights, out=scores[: len(batch)])
            np.matmul(batch.T, slopes[: len(batch)], out=gradient)


def machine_products(features: Floats, factors: int, batch_size: int, epochs: int) -> None:
    """Do those of a factorization machine: with X the factors and linear weights, with X² the factors.

    Args:
        features: X (n, d).
        factors: of each column.
        batch_size: rows of a mini-batch.
        epochs: passes over X.

    """
    table, square_table = (np.ones((features.shape[1], factors + more), np.float32) for more in (1, 0))
    slopes, square_slopes = (np.ones((batch_size, factors + more), np.float32) for more in (1, 0))
    square = np.empty((batch_size, features.shape[1]), np.float32)
    for _ in range(epochs):
        for start in range(0, len(features), batch_size):
            batch = features[start : start + batch_size]
            squares = np.square(batch, out=square[: len(batch)])
            batch @ table
            squares @ square_table
            batch.T @ slopes[: len(batch)]
            squares.T @ square_slopes[: len(batch)]
