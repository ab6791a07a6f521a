"""A trained knn model: the index, a label for each of its rows, and how a query is prepared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Features, Predictions
from algorithms.errors import CustomerError
from algorithms.knn.index import Index, IndexSettings, load_index
from algorithms.knn.projection import KINDS, Projection
from algorithms.knn.schema import FLAT, INDEX_TYPES, IVF_PQ
from algorithms.model_file import read_model, write_model

Rows = npt.NDArray[np.float32]

VOTE_PAIRS = 1 << 20
"""Pairs of neighbours that are compared at a time: an array of 1 MiB, which stays in the cache."""


@dataclass(frozen=True)
class Settings:
    """What the model's JSON holds. dimension: the width of the index's rows, after projection and padding."""

    feature_dim: int
    k: int
    classifier: bool
    metric: str
    index_type: str
    lists: int
    components: int
    dimension: int
    reduction: str

    @property
    def index(self) -> IndexSettings:
        """The part that the index is built by."""
        return IndexSettings(self.index_type, self.metric != "L2", self.lists, self.components)


def prepare(features: Features, settings: Settings, projection: Projection | None) -> Rows:
    """Turn rows of features into rows of the index: project, pad with zeros, scale to length 1 for COSINE.

    Returns C-ordered float32 of shape (n, settings.dimension). A row of zeros has no direction and stays so.
    """
    if projection is not None:
        rows: Rows = projection.apply(features)
    else:
        rows = features if isinstance(features, np.ndarray) else features.toarray()
    if rows.shape[1] < settings.dimension:
        rows = np.pad(rows, ((0, 0), (0, settings.dimension - rows.shape[1])))
    if settings.metric == "COSINE":
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = np.divide(rows, np.where(lengths > 0, lengths, 1), dtype=np.float32)
    return np.ascontiguousarray(rows, dtype=np.float32)


class KnnModel:
    """Answers by the k nearest rows of the sample.

    A classifier takes the label that most neighbours have; among labels with equally many, the one whose
    nearest neighbour is nearest. A regressor takes the mean label.
    """

    def __init__(self, settings: Settings, index: Index, labels: Rows, projection: Projection | None) -> None:
        self._settings = settings
        self._index = index
        self._labels = labels
        self._projection = projection

    @property
    def feature_dim(self) -> int:
        """The width of the rows that it takes."""
        return self._settings.feature_dim

    def predict(self, features: Features, *, verbose: bool = False) -> Predictions:
        """Return `predicted_label`; verbose: also `distances` (n, k), ascending, and neighbours' `labels`.

        Distances: squared Euclidean as faiss gives them, 1 - cosine, or the negative inner product.
        """
        queries = prepare(features, self._settings, self._projection)
        measures, ids = self._index.search(queries, self._settings.k)
        labels = self._labels[ids]
        predicted = _vote(labels) if self._settings.classifier else labels.mean(axis=1)
        if not verbose:
            return {"predicted_label": predicted}
        return {"predicted_label": predicted, "distances": self._distances(measures), "labels": labels}

    def _distances(self, measures: Rows) -> Rows:
        if self._settings.metric == "L2":
            return measures
        return (1 if self._settings.metric == "COSINE" else 0) - measures

    def save(self, path: Path) -> None:
        """Write the model file."""
        arrays = {"labels": self._labels, **self._index.arrays()}
        if self._projection is not None:
            arrays["signs"] = self._projection.signs
            if self._projection.picked is not None:
                arrays["picked"] = self._projection.picked
        write_model(path, "knn", asdict(self._settings), arrays)


def load(path: Path) -> KnnModel:
    """Read a model file. Raises CustomerError when it is not a sound knn model."""
    given, arrays = read_model(path, "knn")
    del given["algorithm"]
    try:
        settings = _check_settings(given)
        labels = arrays["labels"]
        if labels.dtype != np.float32 or labels.ndim != 1 or not settings.k <= len(labels):
            raise ValueError(f"'labels' is {labels.dtype} {labels.shape}, but must be float32, k or more")
        projection = _load_projection(settings, arrays)
        index = load_index(settings.index, len(labels), settings.dimension, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise CustomerError(f"{path.name} is not a sound knn model: {error}") from error
    return KnnModel(settings, index, labels, projection)


def _check_settings(given: dict[str, Any]) -> Settings:
    settings = Settings(**given)
    counts = ("feature_dim", "k", "lists", "components", "dimension")
    for name in counts:
        value = given[name]
        if type(value) is not int or not 1 <= value < 1 << 31:
            raise ValueError(f"{name!r} is {value!r}, not a count")
    if settings.index_type not in INDEX_TYPES or settings.metric not in ("L2", "INNER_PRODUCT", "COSINE"):
        raise ValueError(f"there is no index {settings.index_type!r} with metric {settings.metric!r}")
    if settings.index_type == IVF_PQ and (
        settings.dimension % settings.components or settings.metric != "L2"
    ):
        raise ValueError(f"{settings.components} components do not divide {settings.dimension} dimensions")
    if (
        settings.index_type == FLAT
        and settings.reduction == "none"
        and settings.dimension != settings.feature_dim
    ):
        raise ValueError(f"it has {settings.dimension} dimensions for {settings.feature_dim} features")
    return settings


def _load_projection(settings: Settings, arrays: dict[str, npt.NDArray[Any]]) -> Projection | None:
    if settings.reduction == "none":
        if settings.dimension < settings.feature_dim:
            raise ValueError(f"it has {settings.dimension} dimensions for {settings.feature_dim} features")
        return None
    if settings.reduction not in KINDS:
        raise ValueError(f"there is no projection {settings.reduction!r}")
    projection = Projection.checked(
        settings.reduction, settings.feature_dim, arrays["signs"], arrays.get("picked")
    )
    if projection.target > settings.dimension:
        raise ValueError(f"it projects to {projection.target} of {settings.dimension} dimensions")
    return projection


def _vote(labels: Rows) -> Rows:
    """Return the commonest label of each row of neighbours (n, k), nearest first; see `KnnModel` for ties."""
    neighbours = labels.shape[1]
    rows = max(1, VOTE_PAIRS // neighbours**2)
    parts = [_vote_block(labels[start : start + rows]) for start in range(0, len(labels), rows)]
    return np.concatenate(parts)


def _vote_block(labels: Rows) -> Rows:
    # counts[i, j]: how many neighbours of row i have the label of its neighbour j.
    counts = np.count_nonzero(labels[:, :, None] == labels[:, None, :], axis=2)
    # argmax takes the first of equal counts, which belongs to the nearest neighbour.
    winners: Rows = labels[np.arange(len(labels)), counts.argmax(axis=1)]
    return winners
