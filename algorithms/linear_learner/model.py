"""A trained linear model: what `model_algo-1` holds and how it answers."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import CustomerError, Features, Predictions
from algorithms.linear_learner.losses import sigmoid, softmax
from algorithms.linear_learner.schema import LOSSES, MULTICLASS, REGRESSOR
from algorithms.model_file import array_problem, read_model, write_model

Floats = npt.NDArray[np.float32]

NAME = "linear-learner"


class LinearModel:
    """score = features · weights + bias, on raw features.

    weights: (feature_dim, columns) float32, C-ordered; bias: (columns,). One column, or one a class.
    threshold: on the linear score, before the logistic function; only a binary classifier uses it.
    """

    def __init__(
        self, kind: str, loss_name: str, weights: Floats, bias: Floats, *, threshold: float = 0.0
    ) -> None:
        self.kind = kind
        self.loss_name = loss_name
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.bias = np.ascontiguousarray(bias, dtype=np.float32)
        self.threshold = float(threshold)
        self._intercept = self.bias.tolist()[0]
        self._threshold = _float32(self.threshold)

    @property
    def feature_dim(self) -> int:
        """The width of the rows that it takes."""
        return int(self.weights.shape[0])

    def scores(self, features: Features) -> Floats:
        """Return linear scores, shape (n, columns)."""
        return np.asarray(features.dot(self.weights), dtype=np.float32) + self.bias

    def predict(self, features: Features, *, verbose: bool = False) -> Predictions:
        """Return `score`, and `predicted_label` unless this is a regressor.

        A binary score is the probability of class 1 under logistic loss and the signed margin under hinge
        loss; a multiclass score is the list of class probabilities (hinge loss: of margins). There is nothing
        more to be verbose about.
        """
        del verbose
        if features.shape[0] == 1 and self.kind != MULTICLASS:
            return self._predict_row(features)
        scores = self.scores(features)
        if self.kind == REGRESSOR:
            return {"score": scores[:, 0]}
        if self.kind == MULTICLASS:
            answer = scores if self.loss_name == "hinge_loss" else softmax(scores)
            return {"score": answer, "predicted_label": scores.argmax(axis=1)}
        margin = scores[:, 0]
        labels = (margin >= np.float32(self.threshold)).astype(np.int64)
        return {
            "score": margin if self.loss_name == "hinge_loss" else sigmoid(margin),
            "predicted_label": labels,
        }

    def _predict_row(self, features: Features) -> Predictions:
        """Answer one row, with Python's numbers: an array of one takes ten times as long to work on."""
        margin = _float32(features.dot(self.weights).item() + self._intercept)
        if self.kind == REGRESSOR:
            return {"score": [margin]}
        score = margin if self.loss_name == "hinge_loss" else _logistic(margin)
        return {"score": [score], "predicted_label": [int(margin >= self._threshold)]}

    def save(self, path: Path) -> None:
        """Write `model_algo-1`."""
        settings = {"predictor_type": self.kind, "loss": self.loss_name, "threshold": self.threshold}
        write_model(path, NAME, settings, {"weights": self.weights, "bias": self.bias})


def _float32(number: float) -> float:
    """Return the nearest float32; infinity beyond the largest."""
    return ctypes.c_float(number).value


def _logistic(score: float) -> float:
    return _float32(1 / (1 + math.exp(min(-score, 700))))


def load(path: Path) -> LinearModel:
    """Read `model_algo-1`; raises CustomerError when it is no linear-learner model."""
    settings, arrays = read_model(path, NAME)
    problem = _problem(settings, arrays)
    if problem:
        raise CustomerError(f"{path.name} is not a {NAME} model: {problem}")
    return LinearModel(
        settings["predictor_type"],
        settings["loss"],
        arrays["weights"],
        arrays["bias"],
        threshold=settings["threshold"],
    )


def _problem(settings: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> str | None:
    kind, loss, threshold = (settings.get(name) for name in ("predictor_type", "loss", "threshold"))
    if not isinstance(kind, str) or loss not in LOSSES.get(kind, ()):
        return f"predictor_type {kind!r} with loss {loss!r}"
    if not isinstance(threshold, float) or not math.isfinite(threshold):
        return f"threshold {threshold!r} is not a finite number"
    problem = array_problem(arrays, {"weights": 2, "bias": 1})
    if problem:
        return problem
    weights, bias = arrays["weights"], arrays["bias"]
    if weights.shape[0] < 1 or bias.shape != weights.shape[1:]:
        return f"weights of shape {weights.shape} with a bias of shape {bias.shape}"
    if weights.shape[1] < 1 or (weights.shape[1] > 1) != (kind == MULTICLASS):
        return f"{weights.shape[1]} columns for a {kind}"
    return None
