"""Training against the bare matrix products of the same shapes: `python -m benchmarks.training`.

Data: the real MNIST (`--data PATH`, default beside the checkout), 50,000 / 10,000 / 10,000 images; label 1
where the digit is 0. What is timed is training as a job does it: from a channel over a recordIO file, with
comparison on the validation channel after each epoch, to the finished model. Peers get arrays in memory and
have no validation to do.

Bounds: the two products of each mini-batch (scores, gradients) on contiguous float32 with the BLAS threads
that the run has; for factorization-machines also the square of X and its products. Ours, bound and peers take
turns, so that all see the same machine. Quality: F1 on the test images (macro F1 for ten digits).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import RECORDIO, Algorithm
from algorithms.channel_config import ChannelConfig
from algorithms.channels import InputChannel
from algorithms.factorization_machines import ALGORITHM as FACTORIZATION_MACHINES
from algorithms.linear_learner import ALGORITHM as LINEAR_LEARNER
from algorithms.logs import MetricLog
from processing.readers.mnist_pickle import read_mnist_pickle
from processing.recordio import write_numpy_to_dense_tensor

REPOSITORY = Path(__file__).resolve().parent.parent
MNIST = REPOSITORY.parent / "shared" / "data" / "mnist.pkl.gz"

EPOCHS, BATCH, RUNS = 15, 200, 3
FM_EPOCHS, FACTORS = 3, 10

BINARY = {
    "predictor_type": "binary_classifier",
    "mini_batch_size": str(BATCH),
    "epochs": str(EPOCHS),
    "early_stopping_patience": str(EPOCHS),  # as many epochs as the bound counts
}
RAW = {"normalize_data": "false", "unbias_data": "false"}
HINGE = (
    BINARY
    | RAW
    | {
        "num_models": "32",
        "loss": "hinge_loss",
        "learning_rate": "0.02",
        "wd": "0",
        "l1": "0",
        "binary_classifier_model_selection_criteria": "f_beta",
    }
)
DIGITS = BINARY | RAW | {"predictor_type": "multiclass_classifier", "num_classes": "10"}
FM = {
    "predictor_type": "binary_classifier",
    "feature_dim": "784",
    "num_factors": str(FACTORS),
    "mini_batch_size": str(BATCH),
    "epochs": str(FM_EPOCHS),
}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Split:
    """features (n, 784) and labels (n,), float32."""

    features: Floats
    labels: Floats


@dataclass
class Timed:
    """Seconds of each run and the quality of the last result."""

    seconds: list[float] = field(default_factory=list)
    quality: float | None = None

    @property
    def median(self) -> float:
        """Median of the runs."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Work:
    """One line of the table: our training, its bound, and peers by name; each returns its quality."""

    name: str
    ours: Callable[[], float]
    bound: Callable[[], None]
    peers: Mapping[str, Callable[[], float]]


def f1(predicted: npt.NDArray[Any], actual: npt.NDArray[Any]) -> float:
    """F1 of class 1 where there are two classes, else the macro average."""
    classes = [1] if set(np.unique(actual)) <= {0, 1} else np.unique(actual).tolist()
    scores = []
    for label in classes:
        hits = int(((predicted == label) & (actual == label)).sum())
        scores.append(2 * hits / max(int((predicted == label).sum() + (actual == label).sum()), 1))
    return float(np.mean(scores))


class Job:
    """Trains an algorithm on channels of recordIO files and scores the test images."""

    def __init__(
        self, folder: Path, algorithm: Algorithm, given: Mapping[str, str], splits: Mapping[str, Split]
    ) -> None:
        self._folder, self._algorithm, self._splits = folder, algorithm, splits
        self._values = algorithm.hyperparameters.parse(given)
        for name, split in splits.items():
            path = folder / name / "data.pbr"
            path.parent.mkdir(parents=True)
            with path.open("wb") as file:
                write_numpy_to_dense_tensor(file, split.features, split.labels)

    def __call__(self) -> float:
        """Train; return the quality on the test images."""
        rule = self._algorithm.label_rule(self._values)
        channels = {
            name: InputChannel(
                ChannelConfig(name, RECORDIO, pipe=False, gzip=False),
                self._folder,
                label_rule=rule,
                feature_dim=None,
            )
            for name in self._algorithm.channels
            if name != "test"
        }
        model = self._algorithm.train(self._values, channels, MetricLog(StringIO()))
        test = self._splits["test"]
        return f1(np.asarray(model.predict(test.features)["predicted_label"]), test.labels)


def linear_products(features: Floats, columns: int) -> None:
    """X · W and Xᵀ · G of every mini-batch."""
    weights, scores = np.ones((features.shape[1], columns), np.float32), np.ones((BATCH, columns), np.float32)
    gradient = np.empty_like(weights)
    slopes = np.ones_like(scores)
    for _ in range(EPOCHS):
        for start in range(0, len(features), BATCH):
            batch = features[start : start + BATCH]
            np.matmul(batch, weights, out=scores[: len(batch)])
            np.matmul(batch.T, slopes[: len(batch)], out=gradient)


def machine_products(features: Floats) -> None:
    """Those of a factorization machine: with X the factors and linear weights, with X² the factors."""
    table, factors = (np.ones((features.shape[1], FACTORS + extra), np.float32) for extra in (1, 0))
    wide, narrow = (np.ones((BATCH, FACTORS + extra), np.float32) for extra in (1, 0))
    square = np.empty((BATCH, features.shape[1]), np.float32)
    for _ in range(FM_EPOCHS):
        for start in range(0, len(features), BATCH):
            batch = features[start : start + BATCH]
            squares = np.square(batch, out=square[: len(batch)])
            batch @ table
            squares @ factors
            batch.T @ wide[: len(batch)]
            squares.T @ narrow[: len(batch)]


def scikit_learn_sgd(train: Split, test: Split) -> float:
    """One model of scikit-learn's SGDClassifier, as many passes, its own defaults otherwise."""
    from sklearn.linear_model import SGDClassifier

    peer = SGDClassifier(loss="log_loss", max_iter=EPOCHS, tol=None, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(train.features, train.labels)
    return f1(peer.predict(test.features), test.labels)


def works(data: Path, folder: Path) -> list[Work]:
    """Read MNIST and set up what is measured."""
    images = read_mnist_pickle(data)
    digits = {
        name: Split(np.ascontiguousarray(split.features, np.float32), split.labels.astype(np.float32))
        for name, split in images.splits.items()
    }
    zero = {name: Split(s.features, (s.labels == 0).astype(np.float32)) for name, s in digits.items()}
    features = zero["train"].features
    peers = {"SGDClassifier, one model": lambda: scikit_learn_sgd(zero["train"], zero["test"])}
    one = DIGITS | {"num_models": "1", "learning_rate": "0.01", "wd": "0", "l1": "0"}
    return [
        Work(
            f"linear-learner, 32 models, {EPOCHS} epochs, hinge loss",
            Job(folder / "hinge", LINEAR_LEARNER, HINGE, zero),
            lambda: linear_products(features, 32),
            peers,
        ),
        Work(
            f"linear-learner, 32 models, {EPOCHS} epochs, defaults",
            Job(folder / "defaults", LINEAR_LEARNER, BINARY, zero),
            lambda: linear_products(features, 32),
            {},
        ),
        Work(
            f"linear-learner, ten digits, one model, {EPOCHS} epochs",
            Job(folder / "one", LINEAR_LEARNER, one, digits),
            lambda: linear_products(features, 10),
            {},
        ),
        Work(
            f"linear-learner, ten digits, 32 models, {EPOCHS} epochs",
            Job(folder / "digits", LINEAR_LEARNER, DIGITS, digits),
            lambda: linear_products(features, 320),
            {},
        ),
        Work(
            f"factorization-machines, {FACTORS} factors, {FM_EPOCHS} epochs",
            Job(folder / "machine", FACTORIZATION_MACHINES, FM, zero),
            lambda: machine_products(features),
            {},
        ),
    ]


def measure(work: Work, runs: int) -> dict[str, Timed]:
    """Run ours, the bound and the peers in turns; the first turn warms up and is not counted."""
    timed = {name: Timed() for name in ("ours", "bound", *work.peers)}
    calls: dict[str, Callable[[], float | None]] = {"ours": work.ours, "bound": work.bound, **work.peers}
    for turn in range(runs + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            quality = call()
            if turn:
                timed[name].seconds.append(time.perf_counter() - started)
            timed[name].quality = quality
    return timed


def as_json(work: Work, timed: Mapping[str, Timed]) -> str:
    """One object, as every benchmark prints it."""
    peers = {name: {"median_s": timed[name].median, "quality": timed[name].quality} for name in work.peers}
    return json.dumps(
        {
            "work": work.name,
            "median_s": timed["ours"].median,
            "bound_s": timed["bound"].median,
            "peers": peers,
            "quality": timed["ours"].quality,
        }
    )


def as_lines(work: Work, timed: Mapping[str, Timed]) -> str:
    """Lines of the table: ours beside its bound, then each peer beside ours."""
    ours, bound = timed["ours"], timed["bound"]
    lines = [
        f"{work.name:<52} {ours.median:8.3f} {bound.median:8.3f} "
        f"{ours.median / bound.median:7.2f} {ours.quality:8.4f}"
    ]
    for name in work.peers:
        peer = timed[name]
        lines.append(
            f"  {name:<50} {peer.median:8.3f} {'':8} {peer.median / ours.median:6.2f}× {peer.quality:8.4f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one object a line")
    parser.add_argument("--data", type=Path, default=MNIST, help="mnist.pkl.gz")
    parser.add_argument("--runs", type=int, default=RUNS, help="counted runs of each; the median is printed")
    parser.add_argument("--only", default="", help="only works whose name holds this text")
    options = parser.parse_args()
    if not options.data.is_file():
        sys.exit(f"{options.data} is not there: give the path of mnist.pkl.gz with --data")
    if not options.json:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, numpy {np.__version__}")
        print(f"{'work':<52} {'median s':>8} {'bound s':>8} {'× bound':>7} {'quality':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for work in works(options.data, Path(folder)):
            if options.only in work.name:
                timed = measure(work, max(options.runs, 1))
                print(as_json(work, timed) if options.json else as_lines(work, timed), flush=True)


if __name__ == "__main__":
    main()
