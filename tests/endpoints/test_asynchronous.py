"""Asynchronous endpoints: locations, notifications, a backlog that outlives the service, scale to zero."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow

Variant = Callable[..., dict[str, Any]]

TOPIC = "arn:aws:sns:us-east-1:000000000000:"


def config(failures: bool = True) -> dict[str, Any]:
    output: dict[str, Any] = {
        "S3OutputPath": "s3://bucket/answers/",
        "NotificationConfig": {"SuccessTopic": TOPIC + "success", "ErrorTopic": TOPIC + "error"},
    }
    if failures:
        output["S3FailurePath"] = "s3://bucket/failures"
    return {
        "AsyncInferenceConfig": {
            "OutputConfig": output,
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
        }
    }


def notifications(yard: Any, inference_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for kind, detail in list(yard.events):
        if kind == "SNS Notification":
            message = json.loads(detail["Message"])
            if message["inferenceId"] == inference_id:
                found.append((detail["TopicArn"], message))
    return found


def put(yard: Any, name: str, content: bytes) -> str:
    uri = f"s3://bucket/inputs/{name}"
    yard.state.objects.put_bytes(content, uri)
    return uri


def test_an_answer_is_written_and_notified(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("queue", variant(yard.model("m-queue")), **config())
    answer = yard.runtime.invoke_endpoint_async(
        EndpointName="queue",
        InputLocation=put(yard, "one.csv", b"1,2"),
        ContentType="text/csv",
        InferenceId="inference-1",
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "inference-1"
    assert answer["OutputLocation"].startswith("s3://bucket/answers/")
    assert answer["FailureLocation"].startswith("s3://bucket/failures/")
    ((topic, message),) = wait_until(lambda: notifications(yard, "inference-1"))
    assert yard.state.objects.read(answer["OutputLocation"]) == b"m-queue:1,2"
    assert topic == TOPIC + "success"
    assert message["invocationStatus"] == "Completed"
    assert message["responseParameters"] == {
        "contentType": "text/csv; charset=utf-8",
        "outputLocation": answer["OutputLocation"],
    }
    assert message["requestParameters"]["endpointName"] == "queue"
    assert message["requestParameters"]["inputLocation"] == "s3://bucket/inputs/one.csv"


def test_nothing_is_accepted_for_an_endpoint_that_went_while_the_body_arrived(
    yard: Any, variant: Variant
) -> None:
    yard.serve("went", variant(yard.model("m-went")), **config())
    connection = http.client.HTTPConnection("127.0.0.1", yard.port, timeout=30)
    connection.putrequest("POST", "/endpoints/went/async-invocations")
    connection.putheader("Content-Length", "4")
    connection.endheaders(b"123")
    time.sleep(0.1)
    endpoint = yard.service.endpoints.find("went")
    yard.sagemaker.delete_endpoint(EndpointName="went")
    endpoint.join()
    connection.send(b"4")
    answer = connection.getresponse()
    assert answer.status == 400
    assert "Endpoint went of account 000000000000 not found" in json.loads(answer.read())["Message"]
    connection.close()


def test_a_refusal_is_written_and_notified(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("refusing", variant(yard.model("m-refusing")), **config())
    answer = yard.runtime.invoke_endpoint_async(
        EndpointName="refusing", InputLocation=put(yard, "bad.csv", b"refuse"), ContentType="text/csv"
    )
    ((topic, message),) = wait_until(lambda: notifications(yard, answer["InferenceId"]))
    assert topic == TOPIC + "error"
    assert (message["invocationStatus"], message["failureReason"]) == (
        "Failed",
        "Received 400 from the model",
    )
    assert yard.state.objects.read(answer["FailureLocation"]) == b"row 1 is wrong"
    assert not yard.state.objects.exists(answer["OutputLocation"])


def test_an_input_that_is_not_there_is_notified(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("missing", variant(yard.model("m-missing")), **config(failures=False))
    answer = yard.runtime.invoke_endpoint_async(
        EndpointName="missing", InputLocation="s3://bucket/inputs/none.csv"
    )
    assert "FailureLocation" not in answer
    ((_, message),) = wait_until(lambda: notifications(yard, answer["InferenceId"]))
    assert "there is no object s3://bucket/inputs/none.csv" in message["failureReason"]


def test_a_small_payload_can_come_with_the_request(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("inline", variant(yard.model("m-inline")), **config())
    answer = yard.runtime.invoke_endpoint_async(
        EndpointName="inline", Body=b"3", S3OutputPathExtension="mine", Filename="three.csv"
    )
    assert answer["OutputLocation"] == "s3://bucket/answers/mine/three.csv"
    wait_until(lambda: notifications(yard, answer["InferenceId"]))
    assert yard.state.objects.read(answer["OutputLocation"]) == b"m-inline:3"


@pytest.mark.slow
def test_it_scales_to_zero_on_an_empty_backlog_and_up_again_with_one(
    yard: Any, variant: Variant, wait_until: Any, is_alive: Any
) -> None:
    yard.serve("zero", variant(yard.model("m-zero"), count=2), **config())
    before = yard.pids("zero")
    wait_until(lambda: yard.describe("zero")["ProductionVariants"][0]["CurrentInstanceCount"] == 0)
    wait_until(lambda: not any(map(is_alive, before)))
    assert yard.describe("zero")["EndpointStatus"] == "InService"
    ids = [
        yard.runtime.invoke_endpoint_async(
            EndpointName="zero", InputLocation=put(yard, f"zero-{number}", str(number).encode())
        )
        for number in range(20)
    ]
    wait_until(lambda: all(notifications(yard, each["InferenceId"]) for each in ids))
    assert [yard.state.objects.read(each["OutputLocation"]) for each in ids] == [
        f"m-zero:{number}".encode() for number in range(20)
    ]
    assert len(yard.pids("zero")) == 2
    wait_until(lambda: yard.describe("zero")["ProductionVariants"][0]["CurrentInstanceCount"] == 0)


@pytest.mark.slow
def test_a_request_whose_instance_dies_is_tried_again(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("dying", variant(yard.model("m-dying")), **config())
    answer = yard.runtime.invoke_endpoint_async(
        EndpointName="dying", InputLocation=put(yard, "die", b"die"), ContentType="text/csv"
    )
    ((_, message),) = wait_until(lambda: notifications(yard, answer["InferenceId"]))
    assert "the instance failed during the request" in message["failureReason"]
    fine = yard.runtime.invoke_endpoint_async(
        EndpointName="dying", InputLocation=put(yard, "live", b"live"), ContentType="text/csv"
    )
    wait_until(lambda: notifications(yard, fine["InferenceId"]))
    assert yard.state.objects.read(fine["OutputLocation"]) == b"m-dying:live"


@pytest.mark.slow
def test_the_backlog_outlives_the_service(open_yard: Any, variant: Variant, wait_until: Any) -> None:
    yard = open_yard()
    yard.serve("lasting", variant(yard.model("m-lasting")), **config())
    answers = [
        yard.runtime.invoke_endpoint_async(
            EndpointName="lasting", InputLocation=put(yard, f"slow-{number}", b"sleep 0.4")
        )
        for number in range(4)
    ]
    yard.close()
    again = open_yard()
    wait_until(lambda: all(again.state.objects.exists(each["OutputLocation"]) for each in answers))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({}, "give one of InputLocation and Body"),
        ({"InputLocation": "s3://bucket/x", "Body": b"1"}, "give one of InputLocation and Body"),
        ({"InputLocation": "https://bucket/x"}, "no S3 location"),
    ],
)
def test_a_request_that_cannot_be_begun_is_refused(
    yard: Any, variant: Variant, request_: dict[str, Any], reason: str
) -> None:
    if yard.service.endpoints.find("strict") is None:
        yard.serve("strict", variant(yard.model("m-strict")), **config())
    with pytest.raises(ClientError, match=reason):
        yard.runtime.invoke_endpoint_async(EndpointName="strict", **request_)


def test_each_kind_names_the_other_call(yard: Any, variant: Variant) -> None:
    yard.serve("kind", variant(yard.model("m-kind")), **config())
    yard.serve("other", variant("m-kind"))
    with pytest.raises(ClientError, match="is asynchronous: call InvokeEndpointAsync"):
        yard.invoke("kind")
    with pytest.raises(ClientError, match="is not asynchronous: call InvokeEndpoint"):
        yard.runtime.invoke_endpoint_async(EndpointName="other", InputLocation="s3://bucket/x")
    config_name = yard.config("other-2", variant("m-kind"), **config())
    with pytest.raises(ClientError, match="cannot change between asynchronous and other inference"):
        yard.sagemaker.update_endpoint(EndpointName="other", EndpointConfigName=config_name)
