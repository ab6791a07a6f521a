"""Application Auto Scaling's API as far as endpoints use it, and how requests to CloudWatch's are answered.

Targets and policies are kept and told, and nothing follows from them: on one machine an asynchronous endpoint
gives back its instances by itself while its backlog is empty, and others keep theirs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.api.alarms import delete_alarms, describe_alarms, put_metric_alarm
from local.api.errors import ServiceError, invalid
from local.api.model import service_model
from local.api.protocol import CONTENT_TYPE, answer, parse
from local.api.service import Service
from local.api.validation import validate
from local.arns import ACCOUNT, REGION

Operation = Callable[[Service, dict[str, Any]], dict[str, Any]]

_TARGET = "scalable-target"


def answers_scaling(named: str) -> bool:
    """Return whether a service, by its name in a request's signature, is answered here."""
    return named in _SERVICES


def answer_scaling(service: Service, named: str, request: Request, body: bytes) -> Response:
    """Answer one request.

    Raises:
        ServiceError: it is refused.

    """
    known, operations = _SERVICES[named]
    name = request.headers.get("x-amz-target", "").rpartition(".")[2]
    if name not in operations:
        raise ServiceError("UnknownOperationException", f"{known}: {name!r} is not supported here")
    model = service_model(known).operation_model(name)
    given = validate(model.input_shape, parse(body))
    with service.change():
        content = answer(model.output_shape, operations[name](service, given))
    return Response(content, media_type=CONTENT_TYPE)


# --- Application Auto Scaling -------------------------------------------------------------------------------


def _name(request: dict[str, Any]) -> str:
    """Return the name of a target: what scales, by which dimension."""
    return f"{request['ResourceId']}/{request['ScalableDimension']}"


def _arn(request: dict[str, Any]) -> str:
    return f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/{_name(request)}"


def register_scalable_target(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """RegisterScalableTarget: make a target, or change its limits."""
    _require_variant(service, request["ResourceId"])
    there = service.resources.get(_TARGET, _name(request))
    kept = {**(there.request if there else {}), **request}
    if kept.get("MinCapacity", 0) > kept.get("MaxCapacity", 0):
        raise invalid("Maximum capacity cannot be less than minimum capacity")
    policies = there.description if there else {}
    service.resources.add(_TARGET, _name(request), _arn(request), kept, description=policies)
    return {"ScalableTargetARN": _arn(request)}


def _require_variant(service: Service, resource: str) -> None:
    """Refuse a target that is no variant of an endpoint: `endpoint/NAME/variant/VARIANT`."""
    parts = resource.split("/")
    known = len(parts) == 4 and (parts[0], parts[2]) == ("endpoint", "variant")
    endpoint = service.endpoints.find(parts[1]) if known else None
    variants = service.endpoints.describe(parts[1])["ProductionVariants"] if endpoint else []
    if not any(variant["VariantName"] == parts[3] for variant in variants):
        raise invalid(f"there is no variant of an endpoint named {resource}")


def put_scaling_policy(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """PutScalingPolicy: add a policy to a target, or replace the one of its name."""
    there = service.resources.get(_TARGET, _name(request))
    if there is None:
        raise _no_target(request)
    policies = {**there.description, request["PolicyName"]: json.loads(json.dumps(request, default=str))}
    service.resources.update(_TARGET, there.name, description=policies)
    arn = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{_name(request)}:{request['PolicyName']}"
    return {"PolicyARN": arn, "Alarms": []}


def deregister_scalable_target(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """DeregisterScalableTarget: remove a target with its policies."""
    if service.resources.get(_TARGET, _name(request)) is None:
        raise _no_target(request)
    service.resources.delete(_TARGET, _name(request))
    return {}


def describe_scalable_targets(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeScalableTargets: all of them, or those of the resources that are named."""
    wanted = request.get("ResourceIds")
    return {
        "ScalableTargets": [
            {**item.request, "CreationTime": item.created}
            for item in service.resources.all(_TARGET)
            if wanted is None or item.request["ResourceId"] in wanted
        ]
    }


def _no_target(request: dict[str, Any]) -> ServiceError:
    return ServiceError(
        "ObjectNotFoundException", f"No scalable target found for resource ID: {request['ResourceId']}"
    )


_SERVICES: dict[str, tuple[str, dict[str, Operation]]] = {
    "application-autoscaling": (
        "application-autoscaling",
        {
            "RegisterScalableTarget": register_scalable_target,
            "PutScalingPolicy": put_scaling_policy,
            "DeregisterScalableTarget": deregister_scalable_target,
            "DescribeScalableTargets": describe_scalable_targets,
        },
    ),
    "monitoring": (
        "cloudwatch",
        {
            "PutMetricAlarm": put_metric_alarm,
            "DeleteAlarms": delete_alarms,
            "DescribeAlarms": describe_alarms,
        },
    ),
}
"""A service's name in a request's signature → its model's name, and what answers its operations."""
