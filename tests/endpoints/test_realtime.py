"""Real-time endpoints: created, invoked, described, scaled and deleted as with boto3 on AWS."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow

Variant = Callable[..., dict[str, Any]]


def test_an_endpoint_serves_its_model(yard: Any, variant: Variant, wait_until: Any) -> None:
    yard.serve("first", variant(yard.model("m1")))
    answer = yard.runtime.invoke_endpoint(
        EndpointName="first", Body=b"1,2", ContentType="text/csv", CustomAttributes="trace=7"
    )
    assert answer["Body"].read() == b"m1:1,2"
    assert answer["ContentType"] == "text/csv; charset=utf-8"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "trace=7"
    statuses = [
        detail["EndpointStatus"]
        for kind, detail in yard.events
        if kind == "SageMaker Endpoint State Change" and detail["EndpointName"] == "first"
    ]
    assert statuses == ["CREATING", "IN_SERVICE"]


def test_the_container_finds_its_model_its_variables_and_the_callers_headers(
    yard: Any, variant: Variant
) -> None:
    yard.serve("environment", variant(yard.model("m-env", DATA="/opt/ml/model/x")))
    told = json.loads(yard.invoke("environment", "environment", Accept="application/json", InferenceId="i-1"))
    assert told["model"] == ["model/model_algo-1"]
    assert told["DATA"] == told["SAGEMAKER_BASE_DIR"] + "/model/x"
    assert told["headers"]["Content-Type"] == "text/csv"
    assert told["headers"]["Accept"] == "application/json"
    assert told["headers"]["X-Amzn-SageMaker-Inference-Id"] == "i-1"


def test_describe_tells_variants_instances_and_configuration(yard: Any, variant: Variant) -> None:
    yard.serve("described", variant(yard.model("m-described"), count=2))
    told = yard.describe("described")
    assert told["EndpointArn"] == "arn:aws:sagemaker:us-east-1:000000000000:endpoint/described"
    assert told["EndpointConfigName"] == "described-1"
    (shown,) = told["ProductionVariants"]
    assert shown["VariantName"] == "AllTraffic"
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (2, 2)
    assert (shown["CurrentWeight"], shown["DesiredWeight"]) == (1.0, 1.0)
    assert len(set(yard.pids("described"))) == 2


def test_weights_divide_the_traffic_and_a_target_variant_overrides_them(yard: Any, variant: Variant) -> None:
    yard.serve(
        "weighted",
        variant(yard.model("a"), "A", InitialVariantWeight=3.0),
        variant(yard.model("b"), "B", InitialVariantWeight=1.0),
    )
    counted = Counter(yard.invoke("weighted") for _ in range(80))
    assert counted["a:1"] == pytest.approx(60, abs=2)
    assert {yard.invoke("weighted", TargetVariant="B") for _ in range(5)} == {"b:1"}
    yard.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="weighted",
        DesiredWeightsAndCapacities=[
            {"VariantName": "A", "DesiredWeight": 0.0},
            {"VariantName": "B", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    told = {each["VariantName"]: each for each in yard.wait("weighted")["ProductionVariants"]}
    assert (told["A"]["CurrentWeight"], told["B"]["CurrentWeight"]) == (0.0, 1.0)
    assert told["B"]["CurrentInstanceCount"] == 2
    assert {yard.invoke("weighted") for _ in range(10)} == {"b:1"}
    with pytest.raises(ClientError, match="Variant 'C' not found; this endpoint has: A, B"):
        yard.invoke("weighted", TargetVariant="C")


def test_a_models_refusal_reaches_the_caller_with_status_and_words(yard: Any, variant: Variant) -> None:
    yard.serve("refusing", variant(yard.model("m-refusing")))
    with pytest.raises(yard.runtime.exceptions.ModelError) as caught:
        yard.invoke("refusing", "refuse")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert caught.value.response["OriginalStatusCode"] == 400
    assert caught.value.response["OriginalMessage"] == "row 1 is wrong"
    assert yard.invoke("refusing") == "m-refusing:1"


def test_an_endpoint_that_is_deleted_leaves_no_process(
    yard: Any, variant: Variant, wait_until: Any, is_alive: Any
) -> None:
    yard.serve("deleted", variant(yard.model("m-deleted")))
    (pid,) = yard.pids("deleted")
    yard.sagemaker.delete_endpoint(EndpointName="deleted")

    def gone() -> bool:
        try:
            return yard.describe("deleted")["EndpointStatus"] != "Deleting"
        except ClientError as error:
            return "Could not find endpoint" in str(error)

    wait_until(gone)
    assert not is_alive(pid)
    with pytest.raises(ClientError, match="Endpoint deleted of account 000000000000 not found"):
        yard.invoke("deleted")
    names = [each["EndpointName"] for each in yard.sagemaker.list_endpoints()["Endpoints"]]
    assert "deleted" not in names


def test_who_is_under_way_when_the_endpoint_is_deleted_is_told_at_once(
    yard: Any, variant: Variant, told_of: Callable[[str, str], Any]
) -> None:
    yard.serve("left", variant(yard.model("m-left")))
    assert yard.invoke("left") == "m-left:1"  # leaves a connection that is kept
    failing = told_of("left", "sleep 8")
    time.sleep(0.3)
    yard.sagemaker.delete_endpoint(EndpointName="left")
    began = time.monotonic()
    status, message = failing.result(9)
    assert time.monotonic() - began < 3
    assert status == 503
    assert "variant AllTraffic went out of service before it had answered" in message


@pytest.mark.slow
def test_who_waits_for_an_instance_when_the_endpoint_is_deleted_is_told_at_once(
    yard: Any, variant: Variant, told_of: Callable[[str, str], Any], wait_until: Any
) -> None:
    yard.serve("awaited", variant(yard.model("m-awaited", MODE="slow to return")))
    with pytest.raises(ClientError, match="was killed by signal 9"):
        yard.invoke("awaited", "die")
    failing = told_of("awaited", "1")
    time.sleep(0.3)
    assert not failing.done()
    yard.sagemaker.delete_endpoint(EndpointName="awaited")
    began = time.monotonic()
    status, message = failing.result(9)
    assert time.monotonic() - began < 3
    assert status == 503
    assert "variant AllTraffic went out of service before it had answered" in message


@pytest.fixture
def told_of(yard: Any) -> Iterator[Callable[[str, str], Future[tuple[int, str]]]]:
    """Invoke in a thread what is to fail; gives status and message."""

    def send(endpoint: str, body: str) -> tuple[int, str]:
        with pytest.raises(ClientError) as caught:
            yard.invoke(endpoint, body)
        told = caught.value.response
        return told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Message"]

    with ThreadPoolExecutor(4) as pool:
        yield lambda endpoint, body: pool.submit(send, endpoint, body)


def test_a_model_that_cannot_be_loaded_fails_the_endpoint_with_its_words(yard: Any, variant: Variant) -> None:
    config = yard.config("broken-1", variant(yard.model("m-broken", MODE="exit")))
    yard.sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName=config)
    told = yard.wait("broken")
    assert told["EndpointStatus"] == "Failed"
    assert "AllTraffic did not pass the ping health check" in told["FailureReason"]
    assert "cannot load the model" in told["FailureReason"]
    with pytest.raises(ClientError, match='with status "Failed": delete it'):
        yard.sagemaker.update_endpoint(EndpointName="broken", EndpointConfigName=config)
    with pytest.raises(ClientError, match="is Failed"):
        yard.invoke("broken")
    yard.sagemaker.delete_endpoint(EndpointName="broken")


def test_an_image_that_is_not_served_here_is_named(yard: Any, variant: Variant) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    config = yard.config("foreign-1", variant(yard.model("m-foreign", image)))
    yard.sagemaker.create_endpoint(EndpointName="foreign", EndpointConfigName=config)
    told = yard.wait("foreign")
    assert told["EndpointStatus"] == "Failed"
    assert "xgboost:1' cannot be served here; these can: factorization-machines" in told["FailureReason"]
