"""Training linear-learner: epochs in lock-step, early stopping, choice, calibration, log lines."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Channel, CustomerError, Features
from algorithms.linear_learner.best import Best
from algorithms.linear_learner.columns import Columns
from algorithms.linear_learner.early_stopping import EarlyStopping
from algorithms.linear_learner.examination import Examination, Weights
from algorithms.linear_learner.example_weights import learn_example_weights
from algorithms.linear_learner.grid import Variant, variants
from algorithms.linear_learner.lockstep import LockStep
from algorithms.linear_learner.metrics import BinaryMetrics, Metrics, MulticlassMetrics, RegressionMetrics
from algorithms.linear_learner.model import LinearModel
from algorithms.linear_learner.passes import Passes
from algorithms.linear_learner.scaling import LabelScaler, Scaler, learn_label_scaler, learn_scaler
from algorithms.linear_learner.schema import BINARY, MULTICLASS
from algorithms.linear_learner.settings import resolve
from algorithms.logs import MetricLog
from algorithms.mini_batches import MiniBatches
from algorithms.ranks import Ranks

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SEED = 2
"""Initial weights, shuffling and the rows that thresholds are found from are drawn from it: the same data and
hyperparameters give the same model."""

_EXAMINED_BYTES = 2 * 2**20
"""Rows scored at once, or their scores if these are wider: they stay in the caches between the passes."""


def train(values: Mapping[str, Any], channels: Mapping[str, Channel], log: MetricLog) -> LinearModel:
    """Train on `train`, compare on `validation` (else on `train`), score `test` where there is one."""
    return _Job(values, channels, log).run()


class _Job:
    """One training job."""

    def __init__(self, values: Mapping[str, Any], channels: Mapping[str, Channel], log: MetricLog) -> None:
        self._settings = resolve(values)
        self._variants = variants(values, self._settings.optimizer.name)
        self._channels, self._log = channels, log
        self._batches = MiniBatches(channels["train"], self._settings.mini_batch_size, seed=SEED)
        head = self._batches.head()
        self._scaler = self._learn_scaler(head)
        self._labels = self._learn_label_scaler(head)
        self._feature_dim = int(head[0].features.shape[1])
        self._columns = None if isinstance(head[0].features, np.ndarray) else Columns(self._feature_dim)
        self._batches.scale = self._prepare
        self._block = LockStep(
            self._settings,
            self._variants,
            self._feature_dim,
            self._settings.loss(self._labels.deviation),
            self._labels,
            learn_example_weights(self._settings, self._variants, head, log),
            SEED,
            self._columns,
        )
        del head
        self._best = Best(self._block)
        self._records = 0
        self._validation = None
        if "validation" in channels:
            self._validation = self._examine(channels["validation"], self._columns)
        self._ranks = Ranks()
        self._passes = Passes(
            self._block, self._batches, self._settings.mini_batch_size, self._validation, self._ranks, log
        )

    def run(self) -> LinearModel:
        with self._ranks:
            self._train()
            return self._finish()

    def _train(self) -> None:
        settings = self._settings
        stopping = EarlyStopping(
            patience=settings.patience, tolerance=settings.tolerance, falling=self._falling
        )
        for epoch in range(settings.epochs):
            watched = self._train_epoch(epoch)
            self._log.progress(epoch + 1, settings.epochs)
            if not self._block.alive.any():
                raise CustomerError(self._all_diverged(epoch))
            if self._ranks.agreed(stopping.stop_after(watched)):
                self._log.info(f"Early stopping condition met after epoch {epoch}. Stopping training.")
                break
        self._ranks.end()

    def _train_epoch(self, epoch: int) -> float:
        """Return the value that early stopping watches."""
        started = time.perf_counter()
        losses, self._records = self._passes.epoch(self._settings.epochs - epoch)
        seconds = time.perf_counter() - started
        loss = self._settings.loss()
        losses = losses * self._labels.deviation**loss.scale_power  # in the label's own unit
        held_out, values = losses, losses
        if self._validation is not None:
            held_out, values = self._validation.compare(
                self._raw(self._block.weights, self._block.bias), self._ranks
            )
        self._best.take(held_out)
        watched = self._watched(values)
        leader = int(np.nanargmin(np.where(self._block.alive, held_out, np.inf)))
        self._log.quality("train", loss.objective, float(losses[leader]), epoch=epoch)
        if self._validation is not None:
            self._log.quality("validation", loss.objective, float(held_out[leader]), epoch=epoch)
        name = loss.objective if self._falling else self._settings.criterion.name
        self._log.info(
            f"#early_stopping_criteria_metric: host=algo-1, epoch={epoch}, criteria={name}, value={watched!r}"
        )
        self._log.throughput(self._records, seconds)
        return watched

    @property
    def _falling(self) -> bool:
        """Whether early stopping watches a loss: always without a validation channel."""
        return self._settings.criterion.falling or self._validation is None

    def _watched(self, values: Doubles) -> float:
        """Return this epoch's best value among the models that are alive."""
        worst = np.inf if self._falling else -np.inf
        kept = np.where(self._block.alive & np.isfinite(values), values, worst)
        return float(kept.min() if self._falling else kept.max())

    def _finish(self) -> LinearModel:
        candidates = self._raw(self._best.weights, self._best.bias)
        judge, judged = self._judge(candidates)
        leader, threshold = self._choose(judge, judged)
        self._log.info(f"Best model found for hyperparameters: {self._describe(self._variants[leader])}")
        chosen = candidates.model(leader)
        self._report("train", self._train_examination(), self._scaled(leader), threshold)
        if self._validation is not None:
            self._report("validation", self._validation, chosen, threshold)
        chosen = self._whole(chosen)
        if "test" in self._channels:
            results = self._report("test", self._examine(self._channels["test"]), chosen, threshold)
            self._log.test_score(*results)
        return LinearModel(
            self._settings.kind, self._settings.loss_name, chosen.weights, chosen.bias, threshold=threshold
        )

    def _judge(self, candidates: Weights) -> tuple[Examination, Weights]:
        """Return the channel on which models are chosen, with their weights for its rows."""
        if self._validation is not None:
            return self._validation, candidates
        weights, bias = self._labels.fold(self._best.weights, self._best.bias)
        return self._train_examination(), Weights(weights, bias, self._settings.classes)

    def _choose(self, judge: Examination, candidates: Weights) -> tuple[int, float]:
        """Return the best model's index and its threshold on the linear score."""
        settings = self._settings
        if settings.kind != BINARY or settings.criterion.falling:
            return self._best.leader, 0.0
        values = judge.best_values(candidates, settings.calibration_samples)
        values[~self._best.usable] = -np.inf
        leader = int(np.argmax(values))
        return leader, judge.threshold(candidates.model(leader), settings.calibration_samples)

    def _report(
        self, channel: str, examination: Examination, chosen: Weights, threshold: float
    ) -> list[tuple[str, float]]:
        results = examination.results(chosen, self._metrics(threshold))
        for name, value in results:
            self._log.quality(channel, name, value)
        return results

    def _metrics(self, threshold: float) -> Metrics:
        settings = self._settings
        if settings.kind == BINARY:
            return BinaryMetrics(threshold, settings.criterion.f_beta)
        if settings.kind == MULTICLASS:
            return MulticlassMetrics(settings.classes, settings.top_k, settings.criterion.f_beta)
        return RegressionMetrics()

    def _learn_scaler(self, head: list[Batch]) -> Scaler | None:
        settings = self._settings
        return learn_scaler(
            head, points=settings.scaler_points, centre=settings.centre, divide=settings.divide
        )

    def _prepare(self, features: Features) -> Features:
        """Return rows as training sees them: scaled, and sparse ones over the columns that occur."""
        if isinstance(features, np.ndarray):
            return np.ascontiguousarray(features) if self._scaler is None else self._scaler.apply(features)
        assert self._columns is not None, "a channel's rows are all dense or all sparse"
        return self._columns.learn(features if self._scaler is None else self._scaler.apply(features))

    def _learn_label_scaler(self, head: list[Batch]) -> LabelScaler:
        settings = self._settings
        return learn_label_scaler(
            head, points=settings.scaler_points, centre=settings.centre_label, divide=settings.divide_label
        )

    def _examine(self, channel: Channel, columns: Columns | None = None) -> Examination:
        """Read a channel's raw rows; with `columns`, over those columns alone once training knows them."""
        batches = MiniBatches(channel, self._examined_rows)
        found = int(batches.head()[0].features.shape[1])
        if found != self._feature_dim:
            raise CustomerError(
                f"channel {channel.name!r} has {found} features a record, but channel 'train' has "
                f"{self._feature_dim}: convert both alike"
            )
        if columns is not None:
            batches.scale = columns.known
        return self._examination(batches, partial=columns is not None)

    def _train_examination(self) -> Examination:
        return self._examination(self._batches, partial=self._columns is not None, count=self._records)

    def _examination(self, batches: MiniBatches, *, partial: bool, count: int = 0) -> Examination:
        settings = self._settings
        return Examination(
            batches,
            settings.loss(),
            settings.criterion,
            seed=SEED,
            rows=self._examined_rows,
            count=count,
            partial=partial,
        )

    @property
    def _examined_rows(self) -> int:
        width = max(self._feature_dim, int(self._block.weights.shape[1]))
        return max(self._settings.mini_batch_size, _EXAMINED_BYTES // (4 * width))

    def _raw(self, weights: Floats, bias: Floats) -> Weights:
        """Weights for raw rows and raw labels."""
        if self._scaler is not None:
            scaler = self._scaler
            if self._columns is not None:
                scaler = scaler.at(self._columns.occurred[: len(weights)])
            weights, bias = scaler.fold(weights, bias)
        return Weights(*self._labels.fold(weights, bias), self._settings.classes)

    def _whole(self, chosen: Weights) -> Weights:
        """Return weights for all columns. One that never occurred has 0: nothing is known about it."""
        if self._columns is None:
            return chosen
        weights = np.zeros((self._feature_dim, chosen.weights.shape[1]), np.float32)
        weights[self._columns.occurred[: len(chosen.weights)]] = chosen.weights
        return Weights(weights, chosen.bias, chosen.classes)

    def _scaled(self, leader: int) -> Weights:
        """One model's weights for the training channel's rows, which are held scaled."""
        weights, bias = self._labels.fold(self._best.weights, self._best.bias)
        return Weights(weights, bias, self._settings.classes).model(leader)

    def _describe(self, variant: Variant) -> str:
        settings = self._settings
        described: dict[str, Any] = {
            "optimizer": settings.optimizer.name,
            "learning_rate": variant.learning_rate,
            "l1": variant.l1,
            "wd": variant.wd,
        }
        if settings.schedule is not None:
            described["lr_scheduler_step"] = settings.schedule.step
            described["lr_scheduler_factor"] = settings.schedule.factor
            described["lr_scheduler_minimum_lr"] = settings.schedule.minimum
        return json.dumps(described)

    def _all_diverged(self, epoch: int) -> str:
        rates = sorted({variant.learning_rate for variant in self._variants})
        return (
            f"Training diverged: after epoch {epoch} no model of {len(self._variants)} has a finite loss "
            f"(learning_rate {', '.join(f'{rate:g}' for rate in rates)}). Set a smaller learning_rate, leave "
            "normalize_data on, or check the features for huge values"
        )
