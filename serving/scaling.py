"""Scaling of an endpoint's variant by Application Auto Scaling, where its settings ask for it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from serving import api
from serving.api import Clients
from serving.names import SCALING
from serving.requests import VARIANT
from serving.settings import Endpoint

SERVICE = "application-autoscaling"
_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_COOL_DOWN_SECONDS = 300
_WAKE_SECONDS = 60


def apply(clients: Clients, endpoint: str, settings: Endpoint, arn: str) -> None:
    """Register the variant and its policies; asking again for what is there changes nothing."""
    if not settings.scales:
        return
    autoscaling = clients.make(SERVICE)
    target = _target(endpoint)
    count = settings.instance_count or 1
    autoscaling.register_scalable_target(
        **target,
        MinCapacity=0 if settings.scale_to_zero else count,
        MaxCapacity=settings.max_instance_count or count,
    )
    autoscaling.put_scaling_policy(
        **target,
        PolicyName=f"{endpoint}-load",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=_tracking(endpoint, settings),
    )
    if settings.scale_to_zero:
        _wake_up(clients, autoscaling, endpoint)
    api.add_tags(clients.sagemaker, arn, {SCALING: VARIANT})


def remove(clients: Clients, endpoint: str, tags: dict[str, str]) -> None:
    """Take back what `apply` registered; SageMaker does not do it when the endpoint is deleted."""
    if SCALING not in tags:
        return
    try:
        clients.make(SERVICE).deregister_scalable_target(**_target(endpoint))
    except ClientError as error:
        if not api.is_absent(error):
            raise
    clients.make("cloudwatch").delete_alarms(AlarmNames=[_wake_alarm(endpoint)])


def _target(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": _NAMESPACE,
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }


def _tracking(endpoint: str, settings: Endpoint) -> dict[str, Any]:
    cool_down = {"ScaleInCooldown": _COOL_DOWN_SECONDS, "ScaleOutCooldown": _COOL_DOWN_SECONDS}
    if not settings.asynchronous:
        return {
            "TargetValue": float(settings.invocations_per_instance),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
            **cool_down,
        }
    return {
        "TargetValue": float(settings.backlog_per_instance),
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            "Statistic": "Average",
        },
        **cool_down,
    }


def _wake_alarm(endpoint: str) -> str:
    return f"{endpoint}-wake"


def _wake_up(clients: Clients, autoscaling: Any, endpoint: str) -> None:
    """Start one instance when requests wait and none is there: target tracking divides by the instances."""
    policy = autoscaling.put_scaling_policy(
        **_target(endpoint),
        PolicyName=f"{endpoint}-wake",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": _COOL_DOWN_SECONDS,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        },
    )
    clients.make("cloudwatch").put_metric_alarm(
        AlarmName=_wake_alarm(endpoint),
        AlarmDescription="Requests wait and no instance is there to answer them; one is started.",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        Period=_WAKE_SECONDS,
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy["PolicyARN"]],
    )
