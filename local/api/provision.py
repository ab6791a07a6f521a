"""What the stacks deploy on AWS, made here: buckets, and per task a pipeline, a registry and a schedule."""

from __future__ import annotations

import hashlib
import json

from local.api.dispatch import call
from local.api.errors import ServiceError
from local.api.scheduler import create_schedule
from local.api.service import Service
from local.arns import ACCOUNT, REGION
from local.names import ARTIFACT_BUCKET, RAW_BUCKET, local_names
from pipeline.definition import fill, load, task_names

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/trainyard-pipeline"
_EXPIRY = "trainyard-endpoint-expiry"


def provision(service: Service) -> None:
    """Make what is missing, and update the pipelines whose definition or code has changed."""
    for bucket in (RAW_BUCKET, ARTIFACT_BUCKET):
        service.state.objects.path(f"s3://{bucket}").mkdir(parents=True, exist_ok=True)
    for task in task_names():
        _pipeline(service, task)
        _group(service, task)
    _expiry(service)


def _pipeline(service: Service, task: str) -> None:
    definition = load(task)
    text = json.dumps(fill(definition, local_names(service.state, definition, task)))
    request = {"PipelineName": task, "PipelineDefinition": text, "RoleArn": _ROLE}
    there = service.resources.get("pipeline", task)
    if there is None:
        token = hashlib.sha256(f"{task} {service.clock()}".encode()).hexdigest()
        call(service, "CreatePipeline", {**request, "ClientRequestToken": token})
    elif there.request["PipelineDefinition"] != text:
        call(service, "UpdatePipeline", request)


def _group(service: Service, task: str) -> None:
    name = {"ModelPackageGroupName": task}
    try:
        call(service, "DescribeModelPackageGroup", name)
    except ServiceError:
        call(
            service,
            "CreateModelPackageGroup",
            {**name, "ModelPackageGroupDescription": f"Models of the task {task}"},
        )


def _expiry(service: Service) -> None:
    """Look regularly for endpoints whose time to live is over."""
    if service.resources.get("schedule", _EXPIRY) is not None:
        return
    request = {
        "Name": _EXPIRY,
        "ScheduleExpression": "rate(5 minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:trainyard-approval",
            "RoleArn": _ROLE,
            "Input": json.dumps({"detail-type": "Scheduled Event", "source": "aws.events"}),
        },
    }
    with service.change():
        create_schedule(service, request)
