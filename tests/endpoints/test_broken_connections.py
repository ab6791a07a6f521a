"""Containers whose connections break, hang or say too much: whoever asked is told, and nobody else."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow

Variant = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def frail(yard: Any) -> Any:
    """An endpoint `frail`, with a connection that is kept."""
    yard.serve(
        "frail",
        {"VariantName": "A", "ModelName": yard.model("frail"), "InstanceType": "ml.m5.large"}
        | {"InitialInstanceCount": 1},
    )
    assert yard.invoke("frail") == "frail:1"
    return yard


def refused(yard: Any, body: str) -> str:
    """Invoke with what breaks the connection; what is said of it."""
    with pytest.raises(ClientError) as caught:
        yard.invoke("frail", body)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    return str(caught.value.response["Error"]["Message"])


def test_an_answer_that_is_cut_off_is_none(frail: Any) -> None:
    assert "it broke off the connection" in refused(frail, "cut")
    assert frail.invoke("frail", "until the end") == "whole"


def test_what_was_worked_on_is_not_sent_again(frail: Any) -> None:
    assert frail.invoke("frail") == "frail:1"
    assert "it broke off the connection" in refused(frail, "drop 0.3")
    assert json.loads(frail.invoke("frail", "asked")).count("drop 0.3") == 1


def test_what_comes_beyond_an_answer_is_not_taken_for_the_next_one(frail: Any) -> None:
    assert frail.invoke("frail", "twice") == "hi"
    assert [frail.invoke("frail") for _ in range(3)] == ["frail:1"] * 3


def test_a_container_that_leaves_http_has_not_answered(frail: Any) -> None:
    assert "it answered 101 and left HTTP" in refused(frail, "other protocol")
    assert frail.invoke("frail") == "frail:1"


@pytest.mark.slow
def test_a_container_that_accepts_no_connection_has_not_answered_in_time(
    open_yard: Callable[..., Any], quick: Any, variant: Variant
) -> None:
    yard = open_yard(replace(quick, invocation=1.0))
    yard.serve("narrow", variant(yard.model("narrow", MODE="one at a time")))

    def send(_: int) -> tuple[int, float]:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", yard.port, timeout=8)
        connection.request("POST", "/endpoints/narrow/invocations", b"sleep 20", {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        assert b"did not answer within 1 seconds" in answer.read()
        connection.close()
        return answer.status, time.monotonic() - began

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert [status for status, _ in answers] == [424] * 8
    assert max(seconds for _, seconds in answers) < 3
