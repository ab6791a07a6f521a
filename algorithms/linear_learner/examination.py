"""Scoring a channel: comparing models after an epoch, calibrating at the end, final metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch
from algorithms.linear_learner.calibration import calibrate, criterion_values
from algorithms.linear_learner.comparison import best_values
from algorithms.linear_learner.losses import Loss
from algorithms.linear_learner.metrics import Metrics, Named
from algorithms.linear_learner.settings import Criterion
from algorithms.mini_batches import MiniBatches
from algorithms.ranks import Ranks
from algorithms.scratch import Segment

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.signedinteger[Any]]

_SCORES = 2**20
"""Scores kept to choose among models: 4 MiB of scratch, whatever the channel's length."""

_FEW = 8
"""Numbers for each one drawn, up to which all are laid out: 8 bytes each, for a while."""

_ROWS = 2**16
"""Rows that a threshold is found from where nobody says how many: sorted, they take 4 MB."""


@dataclass(frozen=True)
class Weights:
    """weights (feature_dim, classes · models) and bias (classes · models,), for one scaling of the rows."""

    weights: Floats
    bias: Floats
    classes: int

    @property
    def models(self) -> int:
        """How many models there are."""
        return int(self.weights.shape[1]) // self.classes

    def model(self, index: int) -> Weights:
        """One model alone."""
        columns = slice(index, None, self.models)
        return Weights(np.ascontiguousarray(self.weights[:, columns]), self.bias[columns], self.classes)


class Examination:
    """One channel, its loss and the criterion by which models are compared on it.

    seed: of the rows that thresholds are found from, where these are not all. rows: scored at once. count:
    rows of the channel; where they are not known yet, `compare` counts them. partial: batches may be narrower
    than the weights, being rows of sparse data that were taken up before more columns occurred.
    """

    def __init__(
        self,
        batches: MiniBatches,
        loss: Loss,
        criterion: Criterion,
        *,
        seed: int,
        rows: int,
        count: int = 0,
        partial: bool = False,
    ) -> None:
        self._batches, self._loss, self._criterion = batches, loss, criterion
        self._seed, self._rows, self._count, self._partial = seed, rows, count, partial

    def resident(self) -> bool:
        """Return whether the channel is never read again, as `MiniBatches.resident` does."""
        return self._batches.resident()

    def compare(self, candidates: Weights, ranks: Ranks) -> tuple[Doubles, Doubles]:
        """Mean loss and criterion value per model, with the threshold at 0 (probability 0.5).

        Several processes share the rows, which have to be resident. The two criteria with a target mean
        nothing at a fixed threshold: they are calibrated.
        """
        models = candidates.models
        losses, positives = np.zeros(models), np.zeros((2, models))
        count, actual = 0, 0.0
        counted = self._criterion.name in ("accuracy", "f_beta")
        for scores, labels in self._scored(candidates, ranks=ranks):
            if counted:
                # One product counts true and predicted positives, exactly: float32 holds counts up to 2^24.
                positive = np.greater_equal(scores, np.float32(0), out=np.empty_like(scores))
                positives += np.stack([labels, np.ones_like(labels)]) @ positive
                actual += float(labels.sum(dtype=np.float64))
            losses += self._losses(scores, labels)
            count += len(labels)
        losses, positives = ranks.sum(losses), ranks.sum(positives)
        count, actual = ranks.sum(np.array([count, actual])).tolist()
        self._count = int(count)
        losses /= max(count, 1)
        if self._criterion.falling:
            return losses, losses
        if counted:
            return losses, criterion_values(
                self._criterion, positives[0], positives[1], actual, max(count, 1)
            )
        return losses, self.best_values(candidates, None)

    def best_values(self, candidates: Weights, samples: int | None) -> Doubles:
        """Best criterion value per model that a threshold gives, from rows drawn of the whole channel.

        samples: at most so many rows; None: as many as `_SCORES` allows.
        """
        rows = min(samples or _SCORES, max(_SCORES // candidates.models, 1))
        return best_values(self._criterion, *self._collect(candidates, rows))

    def threshold(self, chosen: Weights, samples: int | None) -> float:
        """Threshold of one model, from `samples` rows (None: `_ROWS`) drawn of the whole channel."""
        scores, labels = self._collect(chosen, samples or _ROWS)
        return float(calibrate(self._criterion, scores, labels)[1][0])

    def results(self, chosen: Weights, metrics: Metrics) -> Named:
        """Objective and metrics of one model over the whole channel."""
        loss, count = 0.0, 0
        for scores, labels in self._scored(chosen):
            metrics.add(scores.reshape(len(labels), chosen.classes), labels)
            loss += float(self._losses(scores, labels)[0])
            count += len(labels)
        return [(self._loss.objective, loss / max(count, 1)), *metrics.results()]

    def _losses(self, scores: Floats, labels: Floats) -> Doubles:
        """Sum of the losses per model; the scores are lost."""
        # Of models that are about to diverge, and of what `Loss.evaluate` says.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            losses = self._loss.evaluate(scores, labels, scores)
            return np.asarray(np.ones(len(labels), np.float32) @ losses, np.float64)

    def _collect(self, candidates: Weights, most: int) -> tuple[Floats, Floats]:
        """Scores and labels of all rows, or of `most` where there are more: the same of every model.

        They are drawn, since the first rows of a channel may all be of one label.
        """
        assert self._count, "compare counts the rows, unless they are known"
        kept, kept_labels = Segment(min(most, self._count), candidates.models), []
        places = sample(self._count, most, self._seed) if most < self._count else None
        for scores, labels in self._scored(candidates, places):
            kept_labels.append(labels[: kept.room])
            kept.append(scores[: kept.room])
            if not kept.room:
                break
        return kept.written, np.concatenate(kept_labels)

    def _scored(
        self, candidates: Weights, places: Places | None = None, ranks: Ranks | None = None
    ) -> Iterator[tuple[Floats, Floats]]:
        """Score the channel.

        places: only the rows of these numbers, rising from 0. ranks: only this process's share of the rows.
        """
        batches = self._batches.epoch(self._rows)
        if ranks is not None:
            batches = islice(batches, ranks.rank, None, ranks.size)
        for batch in batches if places is None else _picked(batches, places):
            assert batch.labels is not None
            weights = candidates.weights
            if self._partial:
                weights = weights[: batch.features.shape[1]]
            with np.errstate(over="ignore", invalid="ignore"):  # as in `_losses`
                scores = np.asarray(batch.features @ weights, dtype=np.float32)
                scores += candidates.bias
            if candidates.classes > 1:
                scores = scores.reshape(len(batch), candidates.classes, candidates.models)
            yield scores, batch.labels


def sample(count: int, size: int, seed: int) -> Places:
    """Return `size` of the numbers 0 … count - 1, rising, each set of so many as likely as any other.

    Memory and time go with `size` and not with `count`: from many numbers are drawn until enough different
    ones are there, which would take a long time from few.
    """
    random = np.random.default_rng(seed)
    if count <= _FEW * size:
        return np.sort(random.choice(count, size, replace=False, shuffle=False))
    kind = np.int32 if count < 2**31 else np.int64
    drawn: Places = np.zeros(0, kind)
    while len(drawn) < size:
        drawn = np.concatenate([drawn, random.integers(count, size=size - len(drawn), dtype=kind)])
        drawn.sort()  # and not np.union1d, which takes many times as long
        drawn = drawn[np.append(True, drawn[1:] != drawn[:-1])]
    return drawn


def _picked(batches: Iterator[Batch], places: Places) -> Iterator[Batch]:
    """Yield of each batch the rows at `places` of the whole, where it has any."""
    first = 0
    for batch in batches:
        low, high = np.searchsorted(places, (first, first + len(batch)))
        rows = places[low:high] - first
        first += len(batch)
        if len(rows):
            assert batch.labels is not None
            yield Batch(batch.features[rows], batch.labels[rows])
