"""Serverless endpoints: a process from the first request until no more come, and no more than allowed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.endpoints.errors import InvocationError
from local.endpoints.invocation import container_request

pytestmark = pytest.mark.slow


def serverless(model: str, concurrency: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": concurrency, **more},
    }


@pytest.mark.slow
def test_a_process_comes_with_the_first_request_and_goes_when_idle(
    yard: Any, wait_until: Any, is_alive: Any
) -> None:
    yard.serve("idle", serverless(yard.model("m-idle")))
    assert yard.pids("idle") == []
    assert yard.invoke("idle") == "m-idle:1"
    (pid,) = yard.pids("idle")
    wait_until(lambda: not is_alive(pid))
    assert yard.pids("idle") == []
    assert yard.invoke("idle") == "m-idle:1"


def test_requests_beyond_the_concurrency_are_throttled(yard: Any, wait_until: Any) -> None:
    yard.serve("narrow", serverless(yard.model("m-narrow"), 2))
    yard.invoke("narrow")
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(yard.invoke, "narrow", "sleep 0.5") for _ in range(2)]
        variant = yard.service.endpoints.find("narrow").router.fleets[0].variants["AllTraffic"]
        wait_until(lambda: variant._busy == 2)
        with pytest.raises(ClientError) as caught:
            yard.invoke("narrow")
        assert [each.result() for each in held] == ["m-narrow:sleep 0.5"] * 2
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    assert "MaxConcurrency=2" in caught.value.response["Error"]["Message"]
    assert yard.invoke("narrow") == "m-narrow:1"


def test_a_request_that_comes_as_the_variant_goes_out_of_service_starts_no_process(yard: Any) -> None:
    yard.serve("going", serverless(yard.model("m-going")))
    endpoint = yard.service.endpoints.find("going")
    variant = endpoint.router.fleets[0].variants["AllTraffic"]
    yard.sagemaker.delete_endpoint(EndpointName="going")
    endpoint.join()
    request = container_request({}, b"1")
    with pytest.raises(InvocationError, match="variant AllTraffic went out of service"):
        asyncio.run(variant.exchange(request, 20.0))
    assert variant.instances == ()


def test_concurrency_can_be_changed_and_is_described(yard: Any) -> None:
    yard.serve("wider", serverless(yard.model("m-wider"), 1))
    yard.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="wider",
        DesiredWeightsAndCapacities=[
            {"VariantName": "AllTraffic", "ServerlessUpdateConfig": {"MaxConcurrency": 5}}
        ],
    )
    (shown,) = yard.wait("wider")["ProductionVariants"]
    assert shown["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 5}


def test_provisioned_concurrency_keeps_the_process(yard: Any) -> None:
    yard.serve("warm", serverless(yard.model("m-warm"), 2, ProvisionedConcurrency=1))
    assert len(yard.pids("warm")) == 1


def test_a_model_that_cannot_be_loaded_fails_before_any_request(yard: Any) -> None:
    config = yard.config("bad-1", serverless(yard.model("m-bad", MODE="exit")))
    yard.sagemaker.create_endpoint(EndpointName="bad", EndpointConfigName=config)
    told = yard.wait("bad")
    assert told["EndpointStatus"] == "Failed"
    assert "cannot load the model" in told["FailureReason"]


@pytest.mark.slow
def test_an_update_under_load_fails_no_request(yard: Any, load: Any) -> None:
    yard.serve("swapped", serverless(yard.model("old-s"), 50))
    config = yard.config("swapped-2", serverless(yard.model("new-s"), 50))
    with load(yard.port, "swapped") as sent:
        yard.sagemaker.update_endpoint(EndpointName="swapped", EndpointConfigName=config)
        assert yard.wait("swapped")["EndpointConfigName"] == "swapped-2"
    assert not sent.failures
    assert yard.invoke("swapped") == "new-s:1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"InitialInstanceCount": 1}, "takes no InitialInstanceCount"),
        ({"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}, "1500 is none of 1024, 2048"),
        (
            {
                "ServerlessConfig": {
                    "MemorySizeInMB": 1024,
                    "MaxConcurrency": 1,
                    "ProvisionedConcurrency": 2,
                }
            },
            "ProvisionedConcurrency exceeds MaxConcurrency",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(yard: Any, change: dict[str, Any], reason: str) -> None:
    if not yard.sagemaker.list_models(NameContains="m-refused")["Models"]:
        yard.model("m-refused")
    with pytest.raises(ClientError, match=reason):
        yard.config("refused-1", {**serverless("m-refused"), **change})
