"""Training on sparse rows against the bare sparse products: `python -m benchmarks.sparse`.

50,000 rows with non-zeros at random places, one epoch in mini-batches of 200, in two sweeps:

- Density: 10,000 columns, 0 to 1,000 non-zeros a row. The denser the rows, the more non-zeros of a mini-batch
  share a row of weights: at ten a row 2,000 meet 1,800 rows of weights, at a thousand 200,000 meet 10,000.
  To reach: the cost grows with the non-zeros and no faster, at most 1.25 × (a + b · non-zeros).
- Width: as many columns more as there are non-zeros more, 1,000 for each of a row, so that they share alike.
  To reach: the cost is in proportion to the non-zeros, a + b · non-zeros ± 25 %.

a is the time of one non-zero a row, the emptiest rows that train at all, b the price of a non-zero between
one and ten a row; the target is for all denser ones. `marginal_ns` is the price since the next sparser data,
`ns_per_nonzero` all the time divided by the non-zeros, and without any non-zero a row costs `us_a_row`: its
label, its losses (one a model), and the choice among 32 models of linear-learner.

Bound: X · W and Xᵀ · G of the same mini-batches with scipy's CSR products, over the columns that occur in
each alone; for factorization-machines also those of X². What an optimizer must do besides is not in it: a
step of Adam takes 20 passes over a row of weights, its moments and its gradient, where a product takes one
for each non-zero.

One-hot: 50,000 rows with 20 of 200,000 columns each, of which 10,000 occur. Each job runs in a process of
its own; `peak_mb` is what it grew by in training, mapped scratch files included, once where the 10,000
columns lie among 200,000 and once where there are no others. `model_mb` is the finished model, dense by its
format; `dense_mb` is what four tables of all columns would take (weights, two moments, and the best weights
or the average). To reach: the columns that never occur cost the model and a tenth of those tables at most.

Channels are arrays in memory: reading files is measured by `benchmarks.recordio`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from algorithms.array_channel import ArrayChannel
from algorithms.base import Algorithm, Model
from algorithms.factorization_machines import ALGORITHM as FACTORIZATION_MACHINES
from algorithms.linear_learner import ALGORITHM as LINEAR_LEARNER
from algorithms.logs import MetricLog
from algorithms.touched import Touched
from benchmarks.command import main
from benchmarks.environments import REPOSITORY
from benchmarks.results import Result
from benchmarks.timing import in_turns

ROWS, WIDTH, BATCH = 50_000, 10_000, 200
NONZEROS = (0, 1, 3, 10, 30, 100, 300, 1000)
"""A row, where the columns stay as they are."""
WIDENED, COLUMNS_EACH = (1, 3, 10, 30, 100), 1000
"""A row, and the columns for each of them."""
FROM, SLACK = 10, 1.25
"""The line is drawn up to so many non-zeros a row; by how much others may miss it."""
ONE_HOT_WIDTH, ONE_HOT_OCCUR, ONE_HOT_A_ROW = 200_000, 10_000, 20
MODELS, FACTORS = 32, 10

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """An algorithm, what it is given, and the columns of its table that a product with X takes."""

    name: str
    algorithm: Algorithm
    given: Mapping[str, str]
    columns: int
    squared: int

    def train(self, features: csr_matrix, labels: Floats) -> Model:
        """Train one epoch."""
        given = {**self.given, "feature_dim": str(features.shape[1])}
        values = self.algorithm.hyperparameters.parse(given)
        return self.algorithm.train(values, {"train": ArrayChannel(features, labels)}, MetricLog(StringIO()))

    def products(self, batches: list[csr_matrix]) -> None:
        """Do the two products of every mini-batch, and those of X²."""
        widest = max(batch.shape[1] for batch in batches)
        for columns, squared in ((self.columns, False), (self.squared, True)):
            if not columns:
                continue
            weights = np.ones((widest, columns), np.float32)
            slopes = np.ones((BATCH, columns), np.float32)
            for batch in batches:
                rows = batch.multiply(batch).tocsr() if squared else batch
                rows @ weights[: rows.shape[1]]
                rows.T @ slopes[: rows.shape[0]]


COMMON = {"predictor_type": "binary_classifier", "mini_batch_size": str(BATCH), "epochs": "1"}
JOBS = {
    "linear-learner": Job(
        f"linear-learner, {MODELS} models", LINEAR_LEARNER, {**COMMON, "num_models": str(MODELS)}, MODELS, 0
    ),
    "factorization-machines": Job(
        f"factorization-machines, {FACTORS} factors",
        FACTORIZATION_MACHINES,
        {**COMMON, "num_factors": str(FACTORS)},
        FACTORS + 1,
        1,
    ),
}


def at_random(rows: int, each: int, width: int = WIDTH) -> csr_matrix:
    """Rows with so many non-zeros each, at random places."""
    random = np.random.default_rng(0)
    # A random start and a random odd stride: distinct columns without drawing rows × width numbers.
    start, stride = random.integers(0, width, (2, rows, 1))
    while np.any(shared := np.gcd(stride, width) != 1):
        stride[shared] = random.integers(0, width, np.count_nonzero(shared))
    columns = (start + stride * np.arange(each)) % width
    values = random.random(rows * each, np.float32) + np.float32(0.5)
    indptr = np.arange(rows + 1, dtype=np.int32) * each
    return csr_matrix((values, columns.ravel().astype(np.int32), indptr), shape=(rows, width))


def one_hot(rows: int, width: int) -> csr_matrix:
    """Rows with `ONE_HOT_A_ROW` ones each, in `ONE_HOT_OCCUR` columns that lie all over the width."""
    random = np.random.default_rng(0)
    columns = random.integers(0, ONE_HOT_OCCUR, (rows, ONE_HOT_A_ROW)) * (width // ONE_HOT_OCCUR)
    indptr = np.arange(0, rows * ONE_HOT_A_ROW + 1, ONE_HOT_A_ROW)
    ones = np.ones(rows * ONE_HOT_A_ROW, np.float32)
    return csr_matrix((ones, columns.ravel().astype(np.int32), indptr), shape=(rows, width))


def labels_of(features: csr_matrix) -> Floats:
    """Labels that a plane separates; at random where there is nothing to separate."""
    if not features.nnz:
        return np.random.default_rng(1).integers(0, 2, len(features.indptr) - 1).astype(np.float32)
    weights = np.random.default_rng(1).normal(size=features.shape[1]).astype(np.float32)
    scores: Floats = features @ weights
    return (scores > np.median(scores)).astype(np.float32)


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Sweep the density and the width, then train in the one-hot space."""
    rows = ROWS // 10 if options.quick else ROWS
    for job in JOBS.values():
        yield from _sweep(job, rows, options, widened=False)
        yield from _sweep(job, rows, options, widened=True)
        work = f"{job.name}, one-hot, {ONE_HOT_OCCUR:,} of {ONE_HOT_WIDTH:,} columns occur"
        if options.only in work:
            yield _one_hot(work, job, rows, options.runs)


def _sweep(job: Job, rows: int, options: argparse.Namespace, *, widened: bool) -> Iterator[Result]:
    seconds: dict[int, float] = {}
    for each in WIDENED if widened else NONZEROS:
        width = COLUMNS_EACH * each if widened else WIDTH
        work = f"{job.name}, {each:,} non-zeros a row, {width:,} columns"
        if options.only not in work:
            continue
        features = at_random(rows, each, width)
        result = _trained(work, job, features, options.runs)
        seconds[each] = result.median_s
        yield replace(
            result, notes=_prices(seconds, rows), **_judged(seconds, each, least=1 / SLACK if widened else 0)
        )


def _trained(work: str, job: Job, features: csr_matrix, runs: int) -> Result:
    labels, touched = labels_of(features), Touched()
    batches = [touched.of(batch)[1] for batch in _batches(features)]
    timed = in_turns(
        {"ours": lambda: job.train(features, labels), "bound": lambda: job.products(batches)}, runs
    )
    return Result(work, timed["ours"].median, timed["bound"].median if features.nnz else None)


def _prices(seconds: dict[int, float], rows: int) -> dict[str, float]:
    """Return what the densest rows so far cost. seconds: by the non-zeros of a row, in rising order."""
    *sparser, each = seconds
    if not each:
        return {"us_a_row": 1e6 * seconds[each] / rows}
    prices = {"ns_per_nonzero": 1e9 * seconds[each] / (rows * each)}
    if sparser:
        more = seconds[each] - seconds[sparser[-1]]
        prices["marginal_ns"] = 1e9 * more / (rows * (each - sparser[-1]))
    return prices


def _judged(seconds: dict[int, float], each: int, *, least: float) -> dict[str, Any]:
    """Return `target` and `met` for rows denser than those that the line is drawn through.

    least: how far below the line they may be.
    """
    if each <= FROM or not {1, FROM} <= seconds.keys():
        return {}
    line = seconds[1] + (seconds[FROM] - seconds[1]) * (each - 1) / (FROM - 1)
    target = f"{least:.2g} … {SLACK} × {line:.3g} s" if least else f"≤ {SLACK} × {line:.3g} s"
    return {"target": target, "met": least * line <= seconds[each] <= SLACK * line}


def _one_hot(work: str, job: Job, rows: int, runs: int) -> Result:
    name = next(name for name, each in JOBS.items() if each is job)
    touched = Touched()
    batches = [touched.of(batch)[1] for batch in _batches(one_hot(rows, ONE_HOT_WIDTH))]
    timed = in_turns(
        {
            "wide": lambda: _in_child(name, rows, ONE_HOT_WIDTH),
            "narrow": lambda: _in_child(name, rows, ONE_HOT_OCCUR),
            "bound": lambda: job.products(batches),
        },
        runs,
    )
    wide, narrow = timed["wide"].returned, timed["narrow"].returned
    return Result(
        work,
        wide["seconds"],
        timed["bound"].median,
        target="memory for what occurs",
        met=wide["peak_mb"] - narrow["peak_mb"] < wide["model_mb"] + _dense_mb(job) / 10,
        notes={
            "peak_mb": wide["peak_mb"],
            "peak_mb_where_all_occur": narrow["peak_mb"],
            "model_mb": wide["model_mb"],
            "dense_mb": _dense_mb(job),
            "s_where_all_occur": narrow["seconds"],
        },
    )


def _batches(features: csr_matrix) -> list[csr_matrix]:
    return [features[start : start + BATCH] for start in range(0, features.shape[0], BATCH)]


def _dense_mb(job: Job) -> float:
    """Return what four float32 tables of all columns take."""
    return 4 * 4 * ONE_HOT_WIDTH * job.columns / 2**20


def _in_child(name: str, rows: int, width: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.sparse", "child", name, str(rows), str(width)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def child(name: str, rows: int, width: int) -> dict[str, float]:
    """Train in the one-hot space; seconds, and by how much the process grew at most."""
    features = one_hot(rows, width)
    labels = labels_of(features)
    JOBS[name].train(features[:BATCH], labels[:BATCH])  # what every job takes: libraries, their threads
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    started = time.perf_counter()
    model = JOBS[name].train(features, labels)
    seconds = time.perf_counter() - started
    peak = _memory("VmHWM") - before
    with tempfile.NamedTemporaryFile() as file:
        model.save(Path(file.name))
        size = Path(file.name).stat().st_size
    return {"seconds": seconds, "peak_mb": peak, "model_mb": size / 2**20}


def _memory(name: str) -> float:
    """Return a line of /proc/self/status in MiB. The peak that getrusage tells is the parent's after exec."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        print(json.dumps(child(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        main("sparse", __doc__, measure)
