"""Bad requests to a served linear-learner: a 4xx with the reason, and the next request is served."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from algorithms.linear_learner.model import LinearModel
from local.jobs.archive import pack
from processing.recordio import encode_dense

Variant = Callable[..., dict[str, Any]]

CSV, JSON, RECORDIO = "text/csv", "application/json", "application/x-recordio-protobuf"
GOOD = b"1,2\n"
LINEAR = "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"


@pytest.fixture(scope="module")
def linear(yard: Any, tmp_path_factory: pytest.TempPathFactory, variant_of: Variant) -> Any:
    """An endpoint `linear` of two features."""
    folder: Path = tmp_path_factory.mktemp("linear")
    (folder / "model").mkdir()
    weights = np.array([[1.0], [-1.0]], np.float32)
    LinearModel("binary_classifier", "logistic", weights, np.zeros(1, np.float32)).save(
        folder / "model" / "model_algo-1"
    )
    pack(folder / "model", folder / "model.tar.gz")
    yard.state.objects.put_file(folder / "model.tar.gz", "s3://bucket/linear/model.tar.gz")
    yard.sagemaker.create_model(
        ModelName="linear",
        PrimaryContainer={"Image": LINEAR, "ModelDataUrl": "s3://bucket/linear/model.tar.gz"},
        ExecutionRoleArn="arn:aws:iam::000000000000:role/models",
    )
    yard.serve("linear", variant_of("linear"))
    return yard


@pytest.fixture(scope="module")
def variant_of() -> Variant:
    return lambda model: {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }


def post(yard: Any, body: Any, content_type: str = CSV) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", yard.port, timeout=30)
    headers = {"Content-Type": content_type} if content_type else {}
    connection.request("POST", "/endpoints/linear/invocations", body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def assert_served(yard: Any) -> None:
    status, answer = post(yard, GOOD)
    assert status == 200
    assert answer["predictions"][0]["predicted_label"] == 0
    assert answer["predictions"][0]["score"] == pytest.approx(1 / (1 + np.e))


@pytest.mark.parametrize(
    ("content_type", "body", "status", "original", "reason"),
    [
        ("image/png", b"x", 424, 415, "Content-Type 'image/png' is not supported"),
        ("", b"x", 424, 415, "Content-Type is missing"),
        (CSV, b"", 424, 400, "the body is empty"),
        (CSV, b"1,2\n3\n", 424, 400, "row 2 has 1 columns"),
        (CSV, b"1,2,3,4\n", 424, 400, "rows have 4 features, but the model takes 2"),
        (CSV, b"1,nan\n", 424, 400, "must be a finite float32"),
        (RECORDIO, encode_dense(np.ones((3, 2), np.float32))[:-5], 424, 400, "recordIO record 2"),
        (JSON, b"[" * 1_000_000, 424, 400, "nested too deeply"),
        (CSV, b"1,2\n" * 1_572_864 + b"1", 413, None, "6291457 bytes or more; at most 6291456 are allowed"),
    ],
)
def test_a_bad_body_is_refused_with_its_reason(
    linear: Any, content_type: str, body: bytes, status: int, original: int | None, reason: str
) -> None:
    found, answer = post(linear, body, content_type)
    assert found == status
    assert reason in answer["Message"]
    assert answer.get("OriginalStatusCode") == original
    assert_served(linear)


def test_the_largest_body_is_served(linear: Any) -> None:
    row = b"1." + b"0" * 60 + b",2\n"
    body = row * (6_291_456 // len(row))
    status, answer = post(linear, body)
    assert status == 200
    assert len(answer["predictions"]) == 6_291_456 // len(row)


def test_a_chunked_body_beyond_the_limit_is_refused(linear: Any) -> None:
    status, answer = post(linear, iter([b"1,2\n" * 250_000] * 8))
    assert status == 413
    assert "at most 6291456 are allowed" in answer["Message"]
    assert_served(linear)


@pytest.mark.slow
def test_a_slow_sender_is_told_and_others_are_served_meanwhile(linear: Any) -> None:
    with socket.create_connection(("127.0.0.1", linear.port)) as slow:
        slow.sendall(
            b"POST /endpoints/linear/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
            b"Content-Length: 9\r\n\r\n1,"
        )
        assert_served(linear)
        answer = http.client.HTTPResponse(slow)
        answer.begin()
        assert answer.status == 408
        assert b"the body did not arrive within 1 seconds" in answer.read()


def test_a_client_that_asks_before_it_sends_is_refused_at_once(linear: Any) -> None:
    with socket.create_connection(("127.0.0.1", linear.port)) as asking:
        asking.sendall(
            b"POST /endpoints/linear/invocations HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: 7000000\r\n\r\n"
        )
        answer = http.client.HTTPResponse(asking)
        answer.begin()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert_served(linear)


def test_a_client_that_goes_away_hurts_nobody(linear: Any) -> None:
    with socket.create_connection(("127.0.0.1", linear.port)) as gone:
        gone.sendall(
            b"POST /endpoints/linear/invocations HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 100\r\n\r\n1,2"
        )
    assert_served(linear)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("X-Amzn-SageMaker-Target-Model", "TargetModel is not supported"),
        ("X-Amzn-SageMaker-Session-Id", "SessionId is not supported"),
        ("X-Amzn-SageMaker-Target-Variant", "Variant 'x' not found; this endpoint has: AllTraffic"),
    ],
)
def test_what_cannot_be_asked_is_refused(linear: Any, header: str, reason: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", linear.port, timeout=30)
    connection.request("POST", "/endpoints/linear/invocations", GOOD, {"Content-Type": CSV, header: "x"})
    response = connection.getresponse()
    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "ValidationError"
    assert reason in json.loads(response.read())["Message"]
    connection.close()


def test_an_unknown_path_or_method_is_refused(linear: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", linear.port, timeout=30)
    for method, path, status in [
        ("POST", "/endpoints/linear/x", 404),
        ("GET", "/endpoints/linear/invocations", 405),
    ]:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()
