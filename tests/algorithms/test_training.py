"""A training job as the platform runs it: a child process, files, FIFOs, signals, exit codes."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from algorithms.logs import MetricLog
from algorithms.paths import Paths
from algorithms.train import run_training
from processing.recordio import encode_dense, encode_sparse

pytestmark = pytest.mark.slow

Containers = Callable[[str], Any]

RECORDIO = "application/x-recordio-protobuf"
RANDOM = np.random.default_rng(3)
LABELS = RANDOM.integers(0, 2, size=400).astype(np.float32)
ROWS = (RANDOM.normal(size=(400, 6)) + 4 * LABELS[:, None]).astype(np.float32)

KNN = {"feature_dim": "6", "k": "3", "predictor_type": "classifier", "sample_size": "400"}
HYPERPARAMETERS = {
    "linear-learner": {"predictor_type": "binary_classifier", "mini_batch_size": "50", "epochs": "3"},
    "factorization-machines": {
        "predictor_type": "binary_classifier",
        "feature_dim": "6",
        "num_factors": "2",
        "mini_batch_size": "50",
        "epochs": "10",
    },
    "knn": KNN,
}


@pytest.mark.parametrize("name", HYPERPARAMETERS)
@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("dense", "File"),
        pytest.param("sparse", "File", marks=pytest.mark.slow),
        pytest.param("dense", "Pipe", marks=pytest.mark.slow),
        pytest.param("sparse", "Pipe", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_recordio_in_model_out_predictions_right(
    container: Containers, name: str, form: str, mode: str
) -> None:
    job = container(name)
    data = encode_dense(ROWS, LABELS) if form == "dense" else encode_sparse(csr_matrix(ROWS), LABELS)
    if mode == "File":
        job.add_file("train", data, RECORDIO)
    else:
        job.add_pipe("train", data, RECORDIO, epochs=30)
    done = job.train(HYPERPARAMETERS[name])
    assert done.returncode == 0, done.stderr
    assert "#progress_metric: host=algo-1, completed 100 % of epochs" in done.stdout
    assert "#throughput_metric: host=algo-1, train throughput=" in done.stdout
    assert [path.name for path in job.model.parent.iterdir()] == ["model_algo-1"]
    with job.serve() as client:
        answers = client.predictions(encode_dense(ROWS[:100]), RECORDIO)
    hits = [answer["predicted_label"] == label for answer, label in zip(answers, LABELS, strict=False)]
    assert len(hits) == 100
    assert np.mean(hits) > 0.9


def _iris_csv() -> tuple[bytes, bytes]:
    iris = load_iris()
    split = train_test_split(iris.data, iris.target, shuffle=True, random_state=0)
    train, test, train_labels, test_labels = split
    return _csv(train, train_labels), _csv(test, test_labels)


def _csv(rows: np.ndarray, labels: np.ndarray) -> bytes:
    table = zip(labels.tolist(), rows.tolist(), strict=True)
    return "".join(",".join(map(str, [label, *row])) + "\n" for label, row in table).encode()


def test_knn_on_iris_through_csv_pipes_has_the_published_scores(container: Containers) -> None:
    job = container("knn")
    for channel, data in zip(("train", "test"), _iris_csv(), strict=True):
        job.add_pipe(channel, data, "text/csv;label_size=1")
    given = {"feature_dim": "4", "k": "1", "predictor_type": "classifier", "sample_size": "1000"}
    done = job.train(given)
    assert done.returncode == 0, done.stderr
    # 37 of 38 right, as published for this split.
    assert "#quality_metric: host=algo-1, test accuracy <score>=0.9736842105263158" in done.stdout
    assert "#test_score (algo-1) : ('accuracy', 0.9736842105263158)" in done.stdout
    assert "#test_score (algo-1) : ('macro_f_1.000', 0.97170345" in done.stdout


def test_metric_lines_have_the_documented_form(capsys: pytest.CaptureFixture[str]) -> None:
    log = MetricLog()
    log.quality("validation", "binary_f_1.000", 0.98, epoch=4)
    log.quality("train", "mse", 0.25, epoch=0)
    log.progress(1, 3)
    log.test_score(("binary_f_1.000", 0.9956))
    lines = [re.sub(r"^\[.*? INFO algo-1\] ", "", line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "#quality_metric: host=algo-1, epoch=4, validation binary_f_1.000 <score>=0.98",
        "#quality_metric: host=algo-1, epoch=0, train mse <loss>=0.25",
        "#progress_metric: host=algo-1, completed 33.33 % of epochs",
        "#test_score (algo-1) : ('binary_f_1.000', 0.9956)",
    ]


def test_a_wrong_hyperparameter_fails_the_job_with_the_reason(container: Containers) -> None:
    job = container("knn")
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    told = job.refusal({**KNN, "neighbours": "3", "k": "many"})
    assert "'neighbours' is not a hyperparameter" in told
    assert "'k' is 'many', but must be an integer from 1" in told


def test_bad_data_fails_the_job_with_the_reason(container: Containers) -> None:
    job = container("knn")
    job.add_file("train", b"0,1,2,3,4,5,6\n1,1,2,x,4,5,6\n", "text/csv;label_size=1")
    told = job.refusal(KNN)
    assert told == "channel 'train', file 'part': row 2, column 4 is 'x', not a number"


def refused_here(job: Any) -> str:
    """The reason for which a configured job fails, run in this process (a child takes most of a second)."""
    assert run_training(job.name, Paths(job.root)) == 1
    assert not list(job.root.glob("model/*"))
    reason: str = job.failure
    return reason


def test_a_channel_that_is_missing_is_named(container: Containers) -> None:
    job = container("knn")
    job.configure(KNN)
    assert refused_here(job) == "Invalid input channels: the channel 'train' is required"


def test_factorization_machines_take_no_csv(container: Containers) -> None:
    job = container("factorization-machines")
    job.add_file("train", b"1,2\n", "text/csv")
    job.configure(HYPERPARAMETERS["factorization-machines"])
    told = refused_here(job)
    assert (
        "ContentType 'text/csv', but factorization-machines trains on 'application/x-recordio-protobuf'"
        in told
    )


def test_a_second_instance_is_refused(container: Containers) -> None:
    job = container("knn")
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    job.configure(KNN)
    config = job.root / "input" / "config" / "resourceconfig.json"
    config.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}))
    assert "InstanceCount is 2, but must be 1" in refused_here(job)


def test_configuration_that_is_no_json_is_named(container: Containers) -> None:
    job = container("knn")
    job.configure(KNN)
    (job.root / "input" / "config" / "hyperparameters.json").write_text("{")
    assert "hyperparameters.json is not JSON" in refused_here(job)


def test_a_model_that_cannot_be_written_fails_the_job_with_the_reason(container: Containers) -> None:
    job = container("knn")
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    job.root.joinpath("model").write_text("a file where the folder should be")
    job.configure(KNN)
    assert refused_here(job) == f"the model could not be written to {job.model}: File exists"


def test_a_full_disk_fails_the_job_with_the_reason(container: Containers) -> None:
    job = container("knn")
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    job.configure(KNN)
    with job.start("train") as process:
        # Like a full disk, without one: no file may grow beyond 1,000 bytes; the model needs 11,000.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
        process.communicate(timeout=60)
    assert process.returncode == 1
    assert job.failure == f"the model could not be written to {job.model}: File too large"
    assert [path.name for path in job.root.glob("*/*model*")] == []


@pytest.mark.slow
def test_sigterm_ends_a_long_call_into_faiss(container: Containers) -> None:
    rows = RANDOM.normal(size=(40_000, 64)).astype(np.float32)
    job = container("knn")
    job.add_file("train", encode_dense(rows, np.zeros(len(rows), np.float32)), RECORDIO)
    job.configure(
        {
            **KNN,
            "feature_dim": "64",
            "sample_size": "40000",
            "index_type": "faiss.IVFFlat",
            "faiss_index_ivf_nlists": "20000",
        }
    )
    with job.start("train") as process:
        while "Sampled" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    # Learning 20,000 lists is one call of many seconds; had it been waited for, the code would be 0.
    assert process.returncode == 128 + signal.SIGTERM
    assert not job.model.parent.exists()


def test_sigterm_during_training_ends_it_at_once_and_leaves_no_model(container: Containers) -> None:
    job = container("knn")
    job.channels["train"] = {"ContentType": RECORDIO, "TrainingInputMode": "Pipe"}
    job.configure(KNN)
    fifo = job.root / "input" / "data" / "train_0"
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    begun = threading.Event()
    threading.Thread(target=_trickle, args=(fifo, begun), daemon=True).start()
    with job.start("train") as process:
        assert begun.wait(timeout=60)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM; no model was written." in err
    assert not job.model.parent.exists()


def _trickle(fifo: Path, begun: threading.Event) -> None:
    """Feed records without end; `begun` is set once the job reads them."""
    record = encode_dense(ROWS[:1], LABELS[:1])
    try:
        with fifo.open("wb", buffering=0) as file:
            while True:
                file.write(record)
                begun.set()
                time.sleep(0.01)
    except BrokenPipeError:
        return
