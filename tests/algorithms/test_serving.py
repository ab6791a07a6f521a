"""A served model as the platform calls it: a child process, HTTP, every format, every kind of bad request."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from algorithms.paths import Paths
from algorithms.train import run_training
from processing.recordio import decode_labels, encode_dense

pytestmark = pytest.mark.slow

Containers = Callable[[str], Any]

JSON = "application/json"
JSONLINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv"

ROWS = np.array([[0, 0], [0, 1], [5, 5], [5, 6]], dtype=np.float32)
LABELS = np.array([0, 0, 1, 1], dtype=np.float32)
KNN = {"feature_dim": "2", "k": "2", "predictor_type": "classifier", "sample_size": "4"}

GOOD = b"0,0\n5,5\n"
ANSWER = [{"predicted_label": 0.0}, {"predicted_label": 1.0}]


def _trained(job: Any) -> Any:
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    return _train_here(job, KNN)


def _train_here(job: Any, hyperparameters: dict[str, str]) -> Any:
    """Train in this process: training as a child process is another file's subject."""
    job.configure(hyperparameters)
    assert run_training(job.name, Paths(job.root)) == 0
    return job


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, make_container: Callable[..., Any]) -> Iterator[Any]:
    """One served knn model for all the tests of this file."""
    job = _trained(make_container(tmp_path_factory.mktemp("served"), "knn"))
    with job.serve() as client:
        yield client


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (CSV, GOOD),
        ("text/csv; charset=utf-8", GOOD),
        (JSON, b'{"instances": [{"features": [0, 0]}, {"features": [5, 5]}]}'),
        (
            JSON,
            b'{"instances": [{"data": {"features": {"values": [0, 0]}}},'
            b' {"data": {"features": {"values": [5, 5]}}}]}',
        ),
        (
            JSON,
            b'{"instances": [{"data": {"features": {"keys": [], "shape": [2], "values": []}}},'
            b' {"data": {"features": {"keys": [1, 0], "shape": [2], "values": [5, 5]}}}]}',
        ),
        (JSONLINES, b'{"features": [0, 0]}\n{"features": [5, 5]}\n'),
        (RECORDIO, encode_dense(ROWS[[0, 2]])),
    ],
)
def test_every_request_format_is_answered(served: Any, content_type: str, body: bytes) -> None:
    assert served.predictions(body, content_type) == ANSWER


def test_the_accept_header_chooses_the_form(served: Any) -> None:
    assert served.invoke(GOOD, CSV, JSON) == (200, json.dumps({"predictions": ANSWER}).encode())
    assert served.invoke(GOOD, CSV, CSV) == (200, b"0.0\n1.0\n")
    lines = b'{"predicted_label": 0.0}\n{"predicted_label": 1.0}\n'
    assert served.invoke(GOOD, CSV, JSONLINES) == (200, lines)
    assert served.invoke(b'{"features": [0, 0]}\n{"features": [5, 5]}', JSONLINES) == (200, lines)
    status, records = served.invoke(GOOD, CSV, RECORDIO)
    assert status == 200
    assert decode_labels(records)["predicted_label"].tolist() == [0.0, 1.0]


def test_a_verbose_answer_adds_distances_and_labels(served: Any) -> None:
    status, answer = served.invoke(b"0,0", CSV, "application/json; verbose=true")
    assert status == 200
    assert json.loads(answer) == {
        "predictions": [{"predicted_label": 0.0, "distances": [0.0, 1.0], "labels": [0.0, 0.0]}]
    }


def test_the_response_names_its_type(served: Any) -> None:
    _, headers, _ = served.request("POST", "/invocations", GOOD, Content_Type=CSV, Accept=CSV)
    assert headers["content-type"] == CSV


def test_execution_parameters(served: Any) -> None:
    status, _, body = served.request("GET", "/execution-parameters")
    assert status == 200
    parameters = json.loads(body)
    assert parameters["MaxPayloadInMB"] == 6
    assert parameters["BatchStrategy"] == "MULTI_RECORD"
    assert parameters["MaxConcurrentTransforms"] >= 1


@pytest.mark.parametrize(
    ("content_type", "body", "status", "reason"),
    [
        ("image/png", b"x", 415, "Content-Type 'image/png' is not supported: knn takes application/json"),
        ("", b"x", 415, "Content-Type is missing"),
        (CSV, b"", 400, "the body is empty"),
        (CSV, b"1,2\n3\n", 400, "row 2 has 1 columns, but the rows above have 2"),
        (CSV, b"1,2,3\n", 400, "rows have 3 columns, but the model takes 2 (no label among them)"),
        (CSV, b"1,nan\n", 400, "row 1, feature 2 is nan, but must be a finite float32"),
        (JSON, b'{"instances": [{"features": [1, NaN]}]}', 400, "NaN is not a JSON number"),
        (JSON, b"[" * 1_000_000, 400, "the body is nested too deeply"),
        (RECORDIO, encode_dense(ROWS)[:-5], 400, "recordIO record 3"),
        (CSV, b"1,2\n" * 1_572_864 + b"1", 413, "6291457 bytes or more, but at most 6291456 are allowed"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason_and_the_next_is_served(
    served: Any, content_type: str, body: bytes, status: int, reason: str
) -> None:
    found, answer = served.invoke(body, content_type)
    assert found == status
    assert reason in json.loads(answer)["error"]
    assert served.predictions(GOOD, CSV) == ANSWER


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP, identity"])
def test_a_packed_body_is_415(served: Any, encoding: str) -> None:
    headers = {"Content_Type": CSV, "Content_Encoding": encoding}
    status, _, answer = served.request("POST", "/invocations", gzip.compress(GOOD), **headers)
    assert status == 415
    assert f"Content-Encoding '{encoding.lower()}' is not supported" in json.loads(answer)["error"]
    assert served.predictions(GOOD, CSV) == ANSWER


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
def test_identity_is_no_packing(served: Any, encoding: str) -> None:
    headers = {"Content_Type": CSV, "Content_Encoding": encoding}
    assert served.request("POST", "/invocations", GOOD, **headers)[0] == 200


def test_what_cannot_be_written_is_406(served: Any) -> None:
    status, answer = served.invoke(GOOD, CSV, "image/png")
    assert status == 406
    assert "Accept 'image/png' cannot be written" in json.loads(answer)["error"]


def test_unknown_paths_and_methods(served: Any) -> None:
    assert served.request("GET", "/")[0] == 404
    assert served.request("GET", "/invocations")[0] == 405
    assert served.request("POST", "/ping")[0] == 405


def test_one_connection_carries_many_requests_good_and_bad(served: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    for body, status in [(GOOD, 200), (b"x", 400), (GOOD, 200), (b"1\n" * 100_000, 400), (GOOD, 200)]:
        connection.request("POST", "/invocations", body, {"Content-Type": CSV})
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()


def test_a_chunked_body_beyond_the_limit_is_refused(served: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    parts = iter([b"1,2\n" * 250_000] * 8)
    connection.request("POST", "/invocations", parts, {"Content-Type": CSV}, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    connection.close()
    assert served.predictions(GOOD, CSV) == ANSWER


def test_a_client_that_goes_away_hurts_nobody(served: Any) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1,2")
    assert served.predictions(GOOD, CSV) == ANSWER


def test_a_slow_sender_is_told_and_others_are_served_meanwhile(container: Containers) -> None:
    job = _trained(container("knn"))
    with (
        job.serve(SAGEMAKER_MODEL_SERVER_TIMEOUT="0.5") as client,
        socket.create_connection(("127.0.0.1", client.port)) as slow,
    ):
        slow.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 9\r\n\r\n1,"
        )
        assert client.predictions(GOOD, CSV) == ANSWER
        answer = http.client.HTTPResponse(slow)
        answer.begin()
        assert answer.status == 408
        assert b"the body did not arrive in 0.5 seconds" in answer.read()


def test_the_platform_sets_limit_and_default_accept(container: Containers) -> None:
    job = _trained(container("knn"))
    environment = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
    }
    with job.serve(**environment) as client:
        row = b"1." + b"0" * 60 + b",2\n"
        assert client.invoke(row * 100_000, CSV)[0] == 200
        assert client.invoke(row * 120_000, CSV)[0] == 413
        assert client.invoke(GOOD, CSV) == (200, b"0.0\n1.0\n")


@pytest.mark.parametrize("content", [None, b"junk"])
def test_a_model_that_cannot_be_served_ends_the_server_with_the_reason(
    container: Containers, content: bytes | None
) -> None:
    job = container("knn")
    if content is not None:
        job.model.parent.mkdir(parents=True)
        job.model.write_bytes(content)
    with job.start("serve") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("model_algo-1")
    assert "Traceback" not in err


@pytest.mark.parametrize("port", ["taken", "http"])
def test_a_port_that_cannot_be_had_ends_the_server_with_the_reason(container: Containers, port: str) -> None:
    job = _trained(container("knn"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = str(taken.getsockname()[1]) if port == "taken" else port
        with job.start("serve", SAGEMAKER_BIND_TO_PORT=given) as process:
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(f"cannot listen on SAGEMAKER_BIND_TO_PORT '{given}'")
    assert "Traceback" not in err


FM = {"feature_dim": "2", "num_factors": "1", "predictor_type": "binary_classifier", "mini_batch_size": "2"}


def test_factorization_machines_refuse_csv(container: Containers) -> None:
    job = container("factorization-machines")
    job.add_file("train", encode_dense(ROWS, LABELS), RECORDIO)
    with _train_here(job, FM).serve() as client:
        status, answer = client.invoke(GOOD, CSV)
        assert status == 415
        assert "factorization-machines takes application/json" in json.loads(answer)["error"]
        (row,) = client.predictions(b'{"instances": [{"features": [0, 1]}]}', JSON)
        assert set(row) == {"score", "predicted_label"}


@pytest.mark.parametrize(
    ("predictor", "labels", "fields"),
    [
        ("binary_classifier", LABELS, {"score": float, "predicted_label": int}),
        (
            "multiclass_classifier",
            np.array([0, 1, 2, 2], np.float32),
            {"score": list, "predicted_label": int},
        ),
        ("regressor", LABELS * 1.5, {"score": float}),
    ],
)
def test_linear_learner_answers_the_fields_of_its_predictor(
    container: Containers, predictor: str, labels: np.ndarray, fields: dict[str, type]
) -> None:
    job = container("linear-learner")
    job.add_file("train", encode_dense(ROWS, labels), RECORDIO)
    given = {"predictor_type": predictor, "mini_batch_size": "2", "epochs": "1"}
    given |= {"num_classes": "3"} if predictor == "multiclass_classifier" else {}
    with _train_here(job, given).serve() as client:
        for row in client.predictions(GOOD, CSV):
            assert {name: type(value) for name, value in row.items()} == fields
