"""The model that all peers serve: logistic scores."""

from __future__ import annotations

import io
import os

import numpy as np

_weights = np.load(os.environ["BENCHMARK_WEIGHTS"])


def scores(features: np.ndarray) -> list[float]:
    """Return the scores of rows, shape (n, 784), float32."""
    return (1 / (1 + np.exp(-(features @ _weights)[:, 0]))).tolist()


def from_csv(body: bytes) -> np.ndarray:
    """Return the rows of a CSV body by numpy's own reader: of numpy's ways the quickest for one row."""
    return np.loadtxt(io.BytesIO(body), np.float32, delimiter=",", ndmin=2)
