"""linear-learner in several processes: the same models, the same log, and the same end as in one."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from algorithms.array_channel import ArrayChannel
from algorithms.base import RECORDIO
from algorithms.errors import CustomerError
from algorithms.linear_learner import ALGORITHM, passes
from algorithms.linear_learner.lockstep import LockStep
from algorithms.linear_learner.model import LinearModel
from algorithms.logs import MetricLog
from algorithms.ranks import Ranks, most_processes
from processing.recordio import encode_dense

Floats = npt.NDArray[np.float32]
Containers = Callable[[str], Any]
RANDOM = np.random.default_rng(5)
WIDTH = 197
"""A prime: no two processes have the same number of features."""
FEATURES = RANDOM.normal(1, 2, size=(900, WIDTH)).astype(np.float32)
SLOPES = RANDOM.normal(size=(WIDTH, 3)).astype(np.float32)
SCORES = FEATURES @ SLOPES + RANDOM.normal(size=(900, 3)).astype(np.float32)
LABELS = {
    "binary_classifier": (SCORES[:, 0] > np.median(SCORES[:, 0])).astype(np.float32),
    "multiclass_classifier": SCORES.argmax(axis=1).astype(np.float32),
    "regressor": SCORES[:, 0],
}
BASE = {"mini_batch_size": 20, "num_models": 4, "epochs": 15, "early_stopping_patience": 99}

needs_two = pytest.mark.skipif(most_processes() < 2, reason="one core, or one BLAS thread")


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of processes that jobs were divided into."""
    found: list[int] = []
    fork = Ranks.fork

    def noted(self: Ranks, size: int, most_bytes: int) -> None:
        fork(self, size, most_bytes)
        found.append(size)

    monkeypatch.setattr(Ranks, "fork", noted)
    return found


def train(
    kind: str,
    processes: int,
    monkeypatch: pytest.MonkeyPatch,
    given: Mapping[str, object],
    validation: bool = True,
) -> tuple[LinearModel, list[str]]:
    monkeypatch.setattr(passes, "most_processes", lambda: processes)
    values = {name: str(value) for name, value in (BASE | {"predictor_type": kind} | dict(given)).items()}
    if kind == "multiclass_classifier":
        values["num_classes"] = "3"
    channels = {"train": ArrayChannel(FEATURES[:800], LABELS[kind][:800])}
    if validation:
        channels["validation"] = ArrayChannel(FEATURES[800:], LABELS[kind][800:], "validation")
    out = StringIO()
    model = ALGORITHM.train(ALGORITHM.hyperparameters.parse(values), channels, MetricLog(out))
    assert isinstance(model, LinearModel)
    return model, out.getvalue().splitlines()


def told(lines: list[str]) -> list[tuple[str, float]]:
    """Every quality metric of a log: what comes before its value, and the value."""
    found = []
    for line in lines:
        match = re.search(r"(#quality_metric.*>)=(.*)$", line)
        if match:
            found.append((match[1], float(match[2])))
    return found


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("binary_classifier", {}),
        ("binary_classifier", {"binary_classifier_model_selection_criteria": "precision_at_target_recall"}),
        ("binary_classifier", {"loss": "hinge_loss", "optimizer": "sgd", "learning_rate": 0.01}),
        ("binary_classifier", {"use_bias": "false", "normalize_data": "false"}),
        (
            "binary_classifier",
            {"positive_example_weight_mult": "balanced", "mini_batch_size": 37, "epochs": 40},
        ),
        ("multiclass_classifier", {"optimizer": "rmsprop", "l1": 0.001, "wd": 0.01}),
        (
            "multiclass_classifier",
            {"balance_multiclass_weights": "true", "bias_lr_mult": 3, "bias_wd_mult": 2},
        ),
        (
            "regressor",
            {
                "use_lr_scheduler": "true",
                "lr_scheduler_step": 10,
                "lr_scheduler_factor": 0.9,
                "lr_scheduler_minimum_lr": 1e-4,
                "init_bias": 1,
            },
        ),
    ],
)
def test_several_processes_train_the_same_models_as_one(
    kind: str, given: dict[str, object], processes: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, alone_said = train(kind, 1, monkeypatch, given)
    assert sizes == []
    divided, said = train(kind, processes, monkeypatch, given)
    assert sizes == [processes]
    scale = np.abs(alone.weights).max()
    np.testing.assert_allclose(divided.weights, alone.weights, rtol=1e-3, atol=2e-4 * scale)
    np.testing.assert_allclose(divided.bias, alone.bias, rtol=1e-3, atol=2e-4 * scale)
    for (name, value), (alone_name, alone_value) in zip(told(said), told(alone_said), strict=True):
        assert name == alone_name
        assert value == pytest.approx(alone_value, rel=2e-3, abs=2e-3), name


def test_the_same_job_gives_the_same_bits_every_time(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (train("binary_classifier", 2, monkeypatch, {})[0] for _ in range(2))
    assert sizes == [2, 2]
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.bias, second.bias)


@pytest.mark.parametrize("validation", [True, False])
def test_early_stopping_ends_all_processes_at_the_same_epoch(
    validation: bool, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"early_stopping_patience": 2, "epochs": 400, "num_models": 1, "learning_rate": 0.03}
    _, alone = train("binary_classifier", 1, monkeypatch, given, validation)
    _, lines = train("binary_classifier", 2, monkeypatch, given, validation)
    assert sizes == [2]
    stopped = [line for line in lines if "Early stopping condition met" in line]
    assert len(stopped) == 1
    assert len(told(lines)) == len(told(alone))


def test_models_that_diverge_are_left_out_in_every_process(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []
    retire = LockStep._retire

    def noted(self: LockStep, dead: npt.NDArray[np.bool_]) -> None:
        retire(self, dead)
        left.append(int(self.alive.sum()))

    monkeypatch.setattr(LockStep, "_retire", noted)
    given = {"optimizer": "sgd", "num_models": 32, "wd": 0, "l1": 0}
    alone, _ = train("regressor", 1, monkeypatch, given)
    left_alone = left.copy()
    left.clear()
    divided, _ = train("regressor", 2, monkeypatch, given)
    assert sizes == [2]
    assert left == left_alone
    assert 0 < left[-1] < 32
    np.testing.assert_allclose(divided.weights, alone.weights, rtol=1e-3, atol=1e-3)


def test_a_job_whose_models_all_diverge_fails_once_with_the_cure(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = {"optimizer": "sgd", "learning_rate": 1000, "normalize_data": "false"}
    with pytest.raises(CustomerError, match="Set a smaller learning_rate"):
        train("regressor", 2, monkeypatch, given)
    assert sizes == [2]
    assert capfd.readouterr().err == ""


def test_without_room_for_processes_one_trains_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    model, lines = train("binary_classifier", 2, monkeypatch, {})
    said = [line for line in lines if "Trained in one process" in line]
    assert len(said) == 1
    assert "Resource temporarily unavailable" in said[0]
    alone, _ = train("binary_classifier", 1, monkeypatch, {})
    np.testing.assert_array_equal(model.weights, alone.weights)


@pytest.mark.parametrize("change", [{"epochs": 12, "mini_batch_size": 400}, {"epochs": 1}])
def test_a_short_job_is_not_divided(
    change: dict[str, object], sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    train("binary_classifier", 2, monkeypatch, change)
    assert sizes == []


@needs_two
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["add_file", "add_pipe"])
def test_a_container_divides_a_long_job_of_either_mode(container: Containers, mode: str) -> None:
    job = container("linear-learner")
    for name, rows in (("train", slice(0, 800)), ("validation", slice(800, 900))):
        data = encode_dense(FEATURES[rows], LABELS["binary_classifier"][rows])
        getattr(job, mode)(name, data, RECORDIO)
    values = BASE | {"predictor_type": "binary_classifier", "epochs": 100}
    job.configure({name: str(value) for name, value in values.items()})
    with job.start("train") as process:
        other = _other(process)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    assert out.count("completed 100 % of epochs") == 1
    assert job.model.exists()
    assert not Path(f"/proc/{other}").exists()


@needs_two
@pytest.mark.slow
def test_sigterm_ends_all_processes_of_a_job(container: Containers) -> None:
    with _endless(container).start("train") as process:
        other = _other(process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)  # returns when no process holds the pipe any more
    assert process.returncode == 128 + signal.SIGTERM
    assert err == "Stopped by SIGTERM; no model was written.\n"
    deadline = time.monotonic() + 30
    while Path(f"/proc/{other}").exists():
        assert time.monotonic() < deadline, "it goes on without the job"
        time.sleep(0.01)


@needs_two
@pytest.mark.slow
def test_a_job_that_loses_a_process_says_which_and_why(container: Containers) -> None:
    job = _endless(container)
    with job.start("train") as process:
        os.kill(_other(process), signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == 1
    assert job.failure.startswith("linear-learner could not go on: process 2 of the 2 ")
    assert "got SIGKILL" in job.failure
    assert not job.model.exists()


def _endless(container: Containers) -> Any:
    job = container("linear-learner")
    job.add_file("train", encode_dense(FEATURES, LABELS["binary_classifier"]), RECORDIO)
    values = BASE | {
        "predictor_type": "binary_classifier",
        "epochs": 100_000,
        "early_stopping_patience": 100_000,
    }
    job.configure({name: str(value) for name, value in values.items()})
    return job


def _other(process: Any) -> int:
    """The process that a job has forked, once it has."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        found = path.read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.005)
    raise AssertionError("the job was not divided")
