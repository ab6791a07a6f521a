"""Training factorization-machines: epochs of mini-batches, log lines, the test channel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Channel, CustomerError
from algorithms.factorization_machines.dense import DensePass
from algorithms.factorization_machines.machine import forward, sparse_gradient
from algorithms.factorization_machines.metrics import Objective, objective
from algorithms.factorization_machines.model import FactorizationMachine
from algorithms.factorization_machines.optimizer import STEP, AveragedAdam, AveragedNumber
from algorithms.logs import MetricLog
from algorithms.mini_batches import MiniBatches
from algorithms.touched import Touched

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]

SEED = 2
"""Initial weights and shuffling are drawn from it: the same data and hyperparameters give the same model."""


def train(values: Mapping[str, Any], channels: Mapping[str, Channel], log: MetricLog) -> FactorizationMachine:
    """Train on `train`; score `test` where there is one."""
    job = _Job(values)
    batches = MiniBatches(channels["train"], values["mini_batch_size"], seed=SEED)
    for epoch in range(values["epochs"]):
        started = time.perf_counter()
        counters, records = job.epoch(batches)
        for name, value in counters.results():
            log.quality("train", name, value, epoch=epoch)
        job.check(epoch)
        log.progress(epoch + 1, values["epochs"])
        log.throughput(records, time.perf_counter() - started)
    model = job.model()
    if "test" in channels:
        _test(model, channels["test"], values["mini_batch_size"], log)
    return model


def _test(model: FactorizationMachine, channel: Channel, rows: int, log: MetricLog) -> None:
    counters = objective(model.kind)
    for batch in channel.batches(rows):
        assert batch.labels is not None
        counters.slope(model.scores(batch.features), batch.labels)
    for name, value in counters.results():
        log.quality("test", name, value)
    log.test_score(*counters.results())


_DRAWN = 8192
"""Rows of factors drawn at a time."""


class _Job:
    """Weights and optimizers of one job."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        factors, random = values["num_factors"], np.random.default_rng(SEED)
        self._table = np.empty((values["feature_dim"], factors + 1), np.float32)
        for start in range(0, len(self._table), _DRAWN):  # drawn in float64: not all at once
            part = self._table[start : start + _DRAWN, :-1]
            part[...] = _initial(values, "factors", part.shape, random)
        self._table[:, -1] = _initial(values, "linear", (values["feature_dim"],), random)
        bias = float(_initial(values, "bias", (1,), random)[0])
        options = {"eps": values["eps"], "clip": values["clip_gradient"]}
        rates, wd = self._columns("lr", STEP), self._columns("wd", dict.fromkeys(STEP, 1.0))
        self._optimizer = AveragedAdam(self._table.shape, rates[1:], wd[1:], **options)
        self._bias = AveragedNumber(bias, float(rates[0]), float(wd[0]), **options)
        self._dense: DensePass | None = None
        self._touched = Touched()

    def epoch(self, batches: MiniBatches) -> tuple[Objective, int]:
        """One pass; training metrics (each row scored before its update) and the number of records."""
        counters, records = objective(self._values["predictor_type"]), 0
        with np.errstate(over="ignore", invalid="ignore"):
            for batch in batches.epoch():
                self._update(batch, counters)
                records += len(batch)
            self._optimizer.settle(self._table)
            self._bias.settle()
        return counters, records

    def check(self, epoch: int) -> None:
        """Raise CustomerError when a weight is no longer finite."""
        if np.isfinite(self._table).all() and np.isfinite(self._bias.value):
            return
        rates = ", ".join(f"{term}_lr {self._values[f'{term}_lr']:g}" for term in STEP)
        raise CustomerError(
            f"Training diverged in epoch {epoch} ({rates}): set smaller rates or clip_gradient, or scale the "
            "features to about 0 … 1"
        )

    def model(self) -> FactorizationMachine:
        """Return the model as it stands."""
        return FactorizationMachine(self._values["predictor_type"], self._table, self._bias.value)

    def _update(self, batch: Batch, counters: Objective) -> None:
        assert batch.labels is not None
        rescale = self._values["rescale_grad"]
        scale = np.float32(1 / len(batch) if rescale is None else rescale)
        if isinstance(batch.features, np.ndarray):
            total = self._update_dense(batch.features, batch.labels, scale, counters)
        else:
            total = self._update_sparse(batch.features, batch.labels, scale, counters)
        self._bias.step(total)

    def _update_dense(
        self, features: Floats, labels: Floats, scale: np.float32, counters: Objective
    ) -> float:
        """Move the table; return the sum of ∂loss/∂score, which is the bias's gradient."""
        if self._dense is None:
            self._dense = DensePass(self._values["mini_batch_size"], self._table.shape)
        work, total = self._dense, 0.0
        work.begin(self._table, self._bias.value)
        for start in range(0, len(features), work.block):
            rows = slice(start, start + work.block)
            slope = counters.slope(work.scores(features[rows]), labels[rows])
            slope *= scale
            work.add(slope)
            total += float(slope.sum())
        self._optimizer.step(self._table, *work.gradient())
        return total

    def _update_sparse(
        self, features: csr_matrix, labels: Floats, scale: np.float32, counters: Objective
    ) -> float:
        rows, compact = self._touched.of(features)
        table = self._table.take(rows, axis=0)
        done = forward(compact, table, self._bias.value)
        slope = counters.slope(done.scores, labels)
        slope *= scale
        self._optimizer.step(self._table, rows, sparse_gradient(done, slope, table), table)
        return float(slope.sum())

    def _columns(self, name: str, scale: Mapping[str, float]) -> Floats:
        """Values per column: bias, factors …, linear."""
        bias, linear, factors = (
            self._values[f"{term}_{name}"] * scale[term] for term in ("bias", "linear", "factors")
        )
        return np.array([bias, *[factors] * self._values["num_factors"], linear], np.float32)


def _initial(
    values: Mapping[str, Any], term: str, shape: tuple[int, ...], random: np.random.Generator
) -> Floats:
    method = values[f"{term}_init_method"]
    if method == "constant":
        return np.full(shape, values[f"{term}_init_value"], np.float32)
    if method == "uniform":
        scale = values[f"{term}_init_scale"]
        return random.uniform(-scale, scale, shape).astype(np.float32)
    return random.normal(0, values[f"{term}_init_sigma"], shape).astype(np.float32)
