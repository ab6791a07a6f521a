"""Scaling that the settings ask for is registered once the endpoint is in service, and taken back with it."""

from __future__ import annotations

from typing import Any

import pytest

from serving.api import Clients, seconds_from_now
from serving.teardown import teardown

Registry = Any  # tests/serving/conftest.py


def targets(registry: Registry) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = registry.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )["ScalableTargets"]
    return told


def policies(registry: Registry) -> dict[str, Any]:
    """Return the policies as they were put."""
    [item] = registry.local.service.resources.all("scalable-target")
    kept: dict[str, Any] = item.description
    return kept


@pytest.mark.slow
def test_a_real_time_endpoint_tracks_the_requests_of_an_instance(registry: Registry) -> None:
    registry.settings = {**registry.settings, "max_instance_count": 3, "invocations_per_instance": 600}
    registry.deploy()
    [target] = targets(registry)
    assert target["ResourceId"] == "endpoint/iris/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    [policy] = policies(registry).values()
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 600
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"


def test_an_asynchronous_endpoint_sleeps_and_is_woken_by_its_backlog(registry: Registry) -> None:
    registry.settings = {**registry.settings, "kind": "asynchronous", "scale_to_zero": True}
    registry.deploy()
    [target] = targets(registry)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 1)
    assert {policy["PolicyType"] for policy in policies(registry).values()} == {
        "TargetTrackingScaling",
        "StepScaling",
    }
    [alarm] = registry.client("cloudwatch").describe_alarms(AlarmNames=["iris-wake"])["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["MetricName"]) == ("iris-wake", "HasBacklogWithoutCapacity")


@pytest.mark.slow
def test_a_second_deployment_registers_nothing_twice_and_a_teardown_takes_it_back(registry: Registry) -> None:
    registry.settings = {**registry.settings, "max_instance_count": 2}
    registry.deploy()
    registry.deploy()
    assert len(targets(registry)) == 1
    teardown(Clients(registry.sagemaker, registry.client), "iris", seconds_from_now(30))
    assert targets(registry) == []


@pytest.mark.slow
def test_without_such_settings_nothing_is_registered(registry: Registry) -> None:
    registry.deploy()
    assert targets(registry) == []


@pytest.mark.slow
def test_an_update_keeps_the_instances_that_the_load_has_called_for(registry: Registry) -> None:
    registry.settings = {**registry.settings, "max_instance_count": 3}
    registry.deploy()
    registry.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="iris",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    registry.local.service.settle(20)
    registry.deploy()
    [variant] = registry.live()["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2
    assert registry.ask() == "2"
