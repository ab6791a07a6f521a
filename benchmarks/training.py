"""Training against the bare matrix products of the same shapes, and against what a user would pick instead.

Data: the real MNIST, 50,000 / 10,000 / 10,000 images; label 1 where the digit is 0, or the ten digits. What
is timed is training as a job does it: from a channel over a recordIO file, with comparison on the validation
channel after each epoch, to the finished model and its answers for the test images. Peers get arrays in
memory (Vowpal Wabbit its own cache), have no validation to do after each epoch, and only their fitting is
timed.

Bounds: the two products of each mini-batch (scores, gradients) on contiguous float32 with the BLAS threads
that the run has; for factorization-machines also the square of X and its products. Quality: F1 of the zeros,
or macro F1 of the ten digits, on the test images.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Model
from algorithms.factorization_machines import ALGORITHM as FACTORIZATION_MACHINES
from algorithms.linear_learner import ALGORITHM as LINEAR_LEARNER
from benchmarks.command import main
from benchmarks.mnist import Split, read, train, write_channels
from benchmarks.results import Peer, Result
from benchmarks.timing import in_turns
from benchmarks.training_bounds import Floats, linear_products, machine_products
from benchmarks.training_peers import DIGITS, DIGITS_32, XLEARN, ZERO, Contestant, Entry, machines

EPOCHS, BATCH = 15, 200
FM_EPOCHS, FACTORS = 3, 10
QUICK = 10
"""With --quick every tenth image is left."""

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
TEN = BINARY | RAW | {"predictor_type": "multiclass_classifier", "num_classes": "10"}
FM = {
    "predictor_type": "binary_classifier",
    "feature_dim": "784",
    "num_factors": str(FACTORS),
    "mini_batch_size": str(BATCH),
    "epochs": str(FM_EPOCHS),
}


@dataclass(frozen=True)
class Work:
    """One line of the table and those below it.

    Attributes:
        name: what is trained.
        train: our training; it returns the quality.
        bound: the least that it can cost.
        at_most: times the bound, to reach.
        at_least: quality, to reach; None where the work is not held to one.
        test: labels of the test images.
        contestants: peers to run.
        missing: peers that nobody can run.

    """

    name: str
    train: Callable[[], float]
    bound: Callable[[], None]
    at_most: float
    at_least: float | None
    test: Floats
    contestants: tuple[Contestant, ...] = ()
    missing: tuple[Peer, ...] = ()


def f1(predicted: npt.NDArray[Any], actual: npt.NDArray[Any]) -> float:
    """F1 of class 1 where there are two classes, else the macro average."""
    classes = [1] if set(np.unique(actual)) <= {0, 1} else np.unique(actual).tolist()
    scores = []
    for label in classes:
        hits = int(((predicted == label) & (actual == label)).sum())
        scores.append(2 * hits / max(int((predicted == label).sum() + (actual == label).sum()), 1))
    return float(np.mean(scores))


def quality(model: Model, test: Split) -> float:
    """Return F1 of what a model answers for the test images."""
    return f1(np.asarray(model.predict(test.features)["predicted_label"]), test.labels)


def works(digits: Mapping[str, Split], folder: Path) -> list[Work]:
    """Set up what is measured."""
    zero = {name: Split(s.features, (s.labels == 0).astype(np.float32)) for name, s in digits.items()}
    features = zero["train"].features
    zero_files, digit_files = write_channels(folder / "zero", zero), write_channels(folder / "digits", digits)
    one = TEN | {"num_models": "1", "learning_rate": "0.01", "wd": "0", "l1": "0"}

    def linear(
        name: str,
        given: Mapping[str, str],
        columns: int,
        at_least: float | None,
        peers: tuple[Contestant, ...],
    ) -> Work:
        binary = given["predictor_type"] == "binary_classifier"
        files, test = (zero_files, zero["test"]) if binary else (digit_files, digits["test"])
        return Work(
            f"linear-learner, {name}, {EPOCHS} epochs",
            lambda: quality(train(LINEAR_LEARNER, given, files), test),
            lambda: linear_products(features, columns, BATCH, EPOCHS),
            2,
            at_least,
            test.labels,
            peers,
        )

    return [
        linear("32 models, hinge loss", HINGE, 32, 0.966, ZERO),
        linear("32 models, defaults", BINARY, 32, None, ()),
        linear("ten digits, one model", one, 10, 0.925, DIGITS),
        linear("ten digits, 32 models", TEN, 320, 0.925, DIGITS_32),
        Work(
            f"factorization-machines, {FACTORS} factors, {FM_EPOCHS} epochs",
            lambda: quality(train(FACTORIZATION_MACHINES, FM, zero_files), zero["test"]),
            lambda: machine_products(features, FACTORS, BATCH, FM_EPOCHS),
            3,
            0.980,
            zero["test"].labels,
            machines(FACTORS, FM_EPOCHS),
            (XLEARN,),
        ),
    ]


def measured(work: Work, arrays: Path, options: argparse.Namespace) -> Result:
    """Let ours, the bound and the peers take turns."""
    with ExitStack() as stack:
        entries = [Entry(contestant, arrays, stack) for contestant in work.contestants]
        turns = {entry.contestant.name: entry for entry in entries if not entry.contestant.once}
        timed = in_turns({"ours": work.train, "bound": work.bound, **turns}, options.runs)
        for entry in entries:
            if entry.contestant.once:
                entry()
        peers = [entry.result(lambda found: f1(found, work.test)) for entry in entries]
    ours, bound, found = timed["ours"].median, timed["bound"].median, timed["ours"].returned
    result = Result(work.name, ours, bound, (*peers, *work.missing), found)
    if options.quick:  # a tenth of the images is not what the target is about
        return result
    target = f"≤ {work.at_most:g} × bound" + (f", ≥ {work.at_least}" if work.at_least else "")
    met = ours <= work.at_most * bound and found >= (work.at_least or 0)
    return dataclasses.replace(result, target=target, met=met)


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Train everything whose name holds `options.only`."""
    every = slice(None, None, QUICK if options.quick else 1)
    digits = {name: split.some(every) for name, split in read(options.data).items()}
    with tempfile.TemporaryDirectory() as temporary:
        arrays = Path(temporary)
        for name, split in digits.items():
            np.save(arrays / f"{name}_features.npy", split.features)
            np.save(arrays / f"{name}_labels.npy", split.labels)
        for work in works(digits, arrays):
            if options.only in work.name:
                yield measured(work, arrays, options)


if __name__ == "__main__":
    main("training", __doc__, measure, mnist=True)
