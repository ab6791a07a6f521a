"""CloudWatch's alarms, as far as endpoints' deployments are rolled back by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local.api.errors import invalid
from local.api.service import Service
from local.arns import ACCOUNT, REGION
from local.endpoints.alarms import NAMESPACE

_KIND = "alarm"
_FIVE_MINUTES = 300
LATENCY_MS = 500


def put_metric_alarm(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """PutMetricAlarm: make an alarm, or replace the one of its name."""
    name = request["AlarmName"]
    service.resources.add(_KIND, name, f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}", request)
    return {}


def delete_alarms(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteAlarms; those that are not there are passed over."""
    for name in request["AlarmNames"]:
        service.resources.delete(_KIND, name)
    return {}


def describe_alarms(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeAlarms: all of them, or those that are named; their states are those between deployments."""
    wanted, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
    return {
        "MetricAlarms": [
            {**item.request, "AlarmArn": item.arn, "StateValue": "INSUFFICIENT_DATA"}
            for item in service.resources.all(_KIND)
            if (wanted is None or item.name in wanted) and item.name.startswith(prefix)
        ]
    }


def require_alarms(service: Service, names: Sequence[str]) -> None:
    """Refuse a deployment that names alarms which do not exist.

    Raises:
        ServiceError: ValidationException, with their names.

    """
    there = {request["AlarmName"] for request in service.alarms(names)} if names else set()
    missing = [name for name in names if name not in there]
    if missing:
        raise invalid(f"AutoRollbackConfiguration names alarms that do not exist: {', '.join(missing)}")


def provide_alarms(service: Service, endpoint: str) -> None:
    """Make the alarms that the stacks make for each endpoint on AWS, unless some have their names."""
    if service.events.aws is not None:
        return
    for request in default_alarms(endpoint):
        if service.resources.get(_KIND, request["AlarmName"]) is None:
            put_metric_alarm(service, request)


def default_alarms(endpoint: str, latency_ms: int = LATENCY_MS) -> list[dict[str, Any]]:
    """Return the alarms that roll an endpoint's updates back where its settings name no others.

    Args:
        endpoint: its name.
        latency_ms: how slow the slowest 1 % of requests may be.

    """
    common = {
        "Namespace": NAMESPACE,
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
        "Period": _FIVE_MINUTES,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    errors = {"MetricName": "Invocation5XXErrors", "Statistic": "Sum", "Threshold": 1, "EvaluationPeriods": 1}
    latency = {
        "MetricName": "ModelLatency",
        "ExtendedStatistic": "p99",
        "Threshold": latency_ms * 1000,  # microseconds
        "EvaluationPeriods": 3,
    }
    return [
        {**common, **errors, "AlarmName": f"{endpoint}-5xx"},
        {**common, **latency, "AlarmName": f"{endpoint}-latency"},
    ]
