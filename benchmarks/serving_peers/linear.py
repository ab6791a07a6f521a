"""The model that all peers serve: a logistic score of one row."""

from __future__ import annotations

import os

import numpy as np

_weights = np.load(os.environ["BENCHMARK_WEIGHTS"])


def score(features: np.ndarray) -> float:
    """Return the score of a row, shape (784,)."""
    return float(1 / (1 + np.exp(-(features @ _weights)[0])))
