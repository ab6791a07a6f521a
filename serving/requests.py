"""What SageMaker is asked for to serve packages by their settings: plain requests, nothing sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serving.names import EXECUTION, EXPIRES, MODEL_PACKAGE, NEVER, TASK, as_time, content_name
from serving.packages import Package
from serving.settings import Endpoint, SettingsError

VARIANT = "AllTraffic"
"""The variant of the newest approved version; alarms name it."""
PREVIOUS_VARIANT = "Previous"

_LONGEST_UPDATE_SECONDS = 1800
_MOST_UPDATE_SECONDS = 28800


@dataclass(frozen=True)
class Wanted:
    """What is to be live.

    Attributes:
        endpoint: the endpoint's name, which is the model package group's.
        package: the newest approved version.
        models: name → CreateModel request without name and tags, and the package that it serves.
        config_name: the endpoint configuration's name.
        config: CreateEndpointConfig request without name and tags.
        tags: on everything that is made.

    """

    endpoint: str
    package: Package
    models: Mapping[str, tuple[dict[str, Any], Package]]
    config_name: str
    config: dict[str, Any]
    tags: Mapping[str, str]


def wanted(packages: Sequence[Package], settings: Endpoint) -> Wanted:
    """Return what serves the newest of `packages`, and with a share of the requests the one before.

    Args:
        packages: approved versions, newest first; one at least.
        settings: the group's.

    """
    newest = packages[0]
    served = packages[: 2 if settings.previous_weight else 1]
    requests = [model(entry, settings) for entry in served]
    names = [
        content_name(entry.group, entry.version, {**request, "container": dict(entry.container)})
        for entry, request in zip(served, requests, strict=True)
    ]
    config = endpoint_config(newest, names, settings)
    return Wanted(
        endpoint=newest.group,
        package=newest,
        models={name: (request, entry) for name, request, entry in zip(names, requests, served, strict=True)},
        config_name=content_name(newest.group, newest.version, config),
        config=config,
        tags=tags(newest, settings),
    )


def tags(package: Package, settings: Endpoint) -> dict[str, str]:
    """Return what tells whose a resource is, and what it serves."""
    return {TASK: settings.task, MODEL_PACKAGE: package.arn, EXECUTION: package.execution}


def expires(settings: Endpoint, now: datetime) -> dict[str, str]:
    """Return the tag that says when an endpoint that is deployed now is removed."""
    if settings.time_to_live_hours is None:
        return {EXPIRES: NEVER}
    return {EXPIRES: as_time(now + timedelta(hours=settings.time_to_live_hours))}


def model(package: Package, settings: Endpoint) -> dict[str, Any]:
    """Return a CreateModel request: the package's model, isolated from the network where AWS allows it."""
    request: dict[str, Any] = {
        "PrimaryContainer": {"ModelPackageName": package.arn},
        "ExecutionRoleArn": _role(package, settings),
    }
    if not settings.serverless:  # a serverless endpoint takes neither a VPC nor an isolated model
        request["EnableNetworkIsolation"] = True
    if settings.in_vpc:
        request["VpcConfig"] = {
            "Subnets": list(settings.subnets),
            "SecurityGroupIds": list(settings.security_groups),
        }
    return request


def _role(package: Package, settings: Endpoint) -> str:
    role = settings.roles.get(package.algorithm) or settings.role_arn
    if role is None:
        raise SettingsError(
            f"{package.group}: no role for {package.algorithm}; set role_arn, or roles.{package.algorithm}"
        )
    return role


def endpoint_config(package: Package, models: Sequence[str], settings: Endpoint) -> dict[str, Any]:
    """Return a CreateEndpointConfig request with one variant a model."""
    request: dict[str, Any] = {"ProductionVariants": _variants(models, settings)}
    place = f"{settings.output or f's3://{package.bucket}/endpoints'}/{package.group}"
    # A serverless endpoint has no volume; AWS encrypts instances with NVMe disks itself and refuses a key.
    if settings.kms_key_arn and not settings.serverless:
        request["KmsKeyId"] = settings.kms_key_arn
    if settings.capture_percent:
        request["DataCaptureConfig"] = _capture(f"{place}/captured", settings)
    if settings.asynchronous:
        request["AsyncInferenceConfig"] = _asynchronous(place, settings)
    return request


def _variants(models: Sequence[str], settings: Endpoint) -> list[dict[str, Any]]:
    weights = [1.0] if len(models) == 1 else [1.0 - settings.previous_weight, settings.previous_weight]
    names = (VARIANT, PREVIOUS_VARIANT)
    return [
        {"VariantName": name, "ModelName": model_name, "InitialVariantWeight": weight, **_capacity(settings)}
        for name, model_name, weight in zip(names, models, weights, strict=False)
    ]


def _capacity(settings: Endpoint) -> dict[str, Any]:
    if settings.serverless:
        return {
            "ServerlessConfig": {
                "MemorySizeInMB": settings.memory_mb,
                "MaxConcurrency": settings.max_concurrency,
            }
        }
    return {"InstanceType": settings.instance_type, "InitialInstanceCount": settings.instance_count}


def _capture(place: str, settings: Endpoint) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": settings.capture_percent,
        "DestinationS3Uri": place,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        **({"KmsKeyId": settings.kms_key_arn} if settings.kms_key_arn else {}),
    }


def _asynchronous(place: str, settings: Endpoint) -> dict[str, Any]:
    topics = {"SuccessTopic": settings.success_topic, "ErrorTopic": settings.error_topic}
    told = {name: topic for name, topic in topics.items() if topic}
    return {
        "OutputConfig": {
            "S3OutputPath": f"{place}/answers",
            "S3FailurePath": f"{place}/failures",
            **({"KmsKeyId": settings.kms_key_arn} if settings.kms_key_arn else {}),
            **({"NotificationConfig": told} if told else {}),
        }
    }


def update(goal: Wanted, live: Sequence[Mapping[str, Any]], settings: Endpoint) -> dict[str, Any]:
    """Return the UpdateEndpoint request that brings `goal` to an endpoint.

    Args:
        goal: what is to be live.
        live: ProductionVariants of DescribeEndpoint.
        settings: the group's.

    """
    request: dict[str, Any] = {"EndpointName": goal.endpoint, "EndpointConfigName": goal.config_name}
    guarded = deployment(goal.endpoint, settings)
    if guarded is not None and _can_be_guarded(live, goal):
        request["DeploymentConfig"] = guarded
    if settings.max_instance_count is not None and not settings.scale_to_zero:
        # The new fleet begins with as many instances as the load has made of the old one.
        request["RetainAllVariantProperties"] = True
        request["ExcludeRetainedVariantProperties"] = [
            {"VariantPropertyType": "DesiredWeight"},
            {"VariantPropertyType": "DataCaptureConfig"},
        ]
    return request


def _can_be_guarded(live: Sequence[Mapping[str, Any]], goal: Wanted) -> bool:
    """Return whether SageMaker takes a DeploymentConfig: between variants of the same names, on instances.

    Source: "Deployment guardrails", with its exclusions, in SageMaker's developer guide.
    """
    after = {variant["VariantName"] for variant in goal.config["ProductionVariants"]}
    on_instances = not any("CurrentServerlessConfig" in variant for variant in live)
    return on_instances and {variant["VariantName"] for variant in live} == after


def deployment(endpoint: str, settings: Endpoint) -> dict[str, Any] | None:
    """Return the DeploymentConfig of an update, or None where AWS has none (serverless endpoints)."""
    if settings.serverless:
        return None
    alarms = settings.alarms or (f"{endpoint}-5xx", f"{endpoint}-latency")
    # Every step is baked, and the new fleet has to start first.
    steps = 1 if settings.shifting == "canary" else -(-100 // settings.step_percent)
    longest = _LONGEST_UPDATE_SECONDS + (steps + 1) * settings.bake_seconds
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": _routing(settings),
            "TerminationWaitInSeconds": settings.bake_seconds,
            "MaximumExecutionTimeoutInSeconds": min(longest, _MOST_UPDATE_SECONDS),
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]},
    }


def _routing(settings: Endpoint) -> dict[str, Any]:
    step = {"Type": "CAPACITY_PERCENT", "Value": settings.step_percent}
    match settings.shifting:
        case "canary":
            moved = {"Type": "CANARY", "CanarySize": step}
        case "linear":
            moved = {"Type": "LINEAR", "LinearStepSize": step}
        case _:
            moved = {"Type": "ALL_AT_ONCE"}
    return {**moved, "WaitIntervalInSeconds": settings.bake_seconds}
