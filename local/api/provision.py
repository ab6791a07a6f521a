"""What the stacks deploy on AWS, made here: buckets, and per task a pipeline, a registry and a schedule."""

from __future__ import annotations

import hashlib
import json
import logging
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.api.alarms import LATENCY_MS, default_alarms, put_metric_alarm
from local.api.dispatch import call
from local.api.errors import ServiceError
from local.api.model import service_model
from local.api.scheduler import checked, create_schedule, delete_schedule, update_schedule
from local.api.service import Service
from local.api.validation import validate
from local.arns import ACCOUNT, REGION, parse_time, pipeline_arn
from local.endpoint_settings import keep
from local.errors import LocalError
from local.names import ARTIFACT_BUCKET, RAW_BUCKET, local_names
from local.schedules import KIND
from pipeline.definition import fill, load, task_names

log = logging.getLogger(__name__)

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/trainyard-pipeline"
_EXPIRY = "trainyard-endpoint-expiry"


def provision(service: Service, settings: Path | None = None) -> None:
    """Make what is missing, and update the pipelines whose definition or code has changed.

    Args:
        service: the service.
        settings: the settings of an environment: the tasks in it start by its schedules and by no others, and
            their models are served as it says.

    Raises:
        LocalError: the settings cannot be read, or have a schedule that EventBridge Scheduler refuses.

    """
    for bucket in (RAW_BUCKET, ARTIFACT_BUCKET):
        service.state.objects.create_bucket(bucket)
    for task in task_names():
        _pipeline(service, task)
        _group(service, task)
    _run_by_themselves(service)
    _expiry(service)
    if settings is None:
        return
    tasks, latency = _read(settings)
    for task, chosen in tasks.items():
        _schedule(service, task, chosen)
        for alarm in default_alarms(task, latency):
            put_metric_alarm(service, alarm)
    keep(service.state.home, tasks)


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


def _run_by_themselves(service: Service) -> None:
    """Make the pipelines whose definitions were run from files, so that their executions are listed."""
    rows = service.records.rows(
        "SELECT pipeline, definition, max(started) FROM executions WHERE request IS NULL GROUP BY pipeline"
    )
    for row in rows:
        if service.resources.get("pipeline", row["pipeline"]) is None:
            token = hashlib.sha256(f"{row['pipeline']} {service.clock()}".encode()).hexdigest()
            request = {
                "PipelineName": row["pipeline"],
                "PipelineDefinition": row["definition"],
                "RoleArn": _ROLE,
            }
            try:
                call(service, "CreatePipeline", {**request, "ClientRequestToken": token})
            except ServiceError as error:  # no reason for the service not to start
                log.warning("executions of pipeline %s are not listed: %s", row["pipeline"], error.message)


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
        "StartDate": parse_time(service.clock()) + timedelta(minutes=5),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:trainyard-approval",
            "RoleArn": _ROLE,
            "Input": json.dumps({"detail-type": "Scheduled Event", "source": "aws.events"}),
        },
    }
    with service.change():
        create_schedule(service, request)


# --- schedules ----------------------------------------------------------------------------------------------


def _read(settings: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Return an environment's tables of tasks, and how many milliseconds an endpoint may take."""
    try:
        content = tomllib.loads(settings.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError(f"cannot read the settings {settings}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{settings} is not TOML: {error}") from None
    tables, alarms = content.get("tasks", {}), content.get("alarms", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise LocalError(f"{settings}: write each task as a table [tasks.NAME]")
    latency = alarms.get("latency_ms", LATENCY_MS) if isinstance(alarms, dict) else None
    if not isinstance(latency, int) or latency < 1:
        raise LocalError(f"{settings}: alarms.latency_ms is {latency!r}; give whole milliseconds, 1 or more")
    return tables, latency


def _schedule(service: Service, task: str, chosen: dict[str, Any]) -> None:
    """Make, change or remove the schedule of a task, as the stacks do."""
    there = service.resources.get(KIND, task)
    with service.change():
        if "schedule" not in chosen:
            if there:
                delete_schedule(service, {"Name": task})
            return
        request = {"Name": task, **_scheduled(task, chosen)}
        shape = service_model("scheduler").operation_model("CreateSchedule").input_shape
        try:
            checked(service, validate(shape, request))
        except ServiceError as error:
            raise LocalError(f"the schedule of task {task}: {error.message}") from None
        if there is None:
            create_schedule(service, request)
        elif {**there.request, **_scheduled(task, chosen)} != there.request:
            update_schedule(service, request)


def _scheduled(task: str, chosen: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "MinF1": f"{chosen['min_f1']:g}" if "min_f1" in chosen else None,
        "ApprovalStatus": chosen.get("approval"),
        **chosen.get("parameters", {}),
    }
    listed = [
        {"Name": name, "Value": str(value)} for name, value in sorted(parameters.items()) if value is not None
    ]
    return {
        "ScheduleExpression": chosen["schedule"],
        "ScheduleExpressionTimezone": chosen.get("time_zone", "UTC"),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": pipeline_arn(task),
            "RoleArn": _ROLE,
            "SageMakerPipelineParameters": {"PipelineParameterList": listed},
        },
    }
