"""What each type of step does with its resolved arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.arns import arn, now
from local.errors import LocalError, StepError
from local.jobs import processing, training, transform
from local.jobs.job import Job
from local.language import as_text
from local.paths import PathError
from local.state import State

JOB_KINDS: dict[str, tuple[str, Callable[[Job], dict[str, Any]]]] = {
    "Processing": ("processing-job", processing.run),
    "Training": ("training-job", training.run),
    "Transform": ("transform-job", transform.run),
}
"""Step type → the job's kind as its ARN names it, and what runs it."""

_NAME_VARIABLES = {"Processing": "ProcessingJobName", "Training": "TrainingJobName"}


def job_variables(kind: str, job: str) -> dict[str, str]:
    """Return the execution variables that only a step with a job has."""
    return {_NAME_VARIABLES[kind]: job} if kind in _NAME_VARIABLES else {}


def normalised(step: Mapping[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return a request as the service would take it: hyperparameters and variables are texts on the wire.

    Raises:
        StepError: one of them is a list, an object or null.

    """
    for table in ("HyperParameters", "Environment"):
        if table in request:
            request = {**request, table: _texts(step["Name"], table, request[table])}
    return request


def _texts(step: str, table: str, values: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        try:
            found[name] = as_text(value)
        except PathError as error:
            raise StepError(f"ClientError: step {step!r}: {table}.{name}: {error}") from None
    return found


def create_model(
    state: State, execution: str, step: str, name: str, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Record a model; return what DescribeModel would answer. To be called in a transaction.

    Raises:
        StepError: its data does not exist.

    """
    containers = request.get("Containers") or [request.get("PrimaryContainer", {})]
    _require_data(state, step, containers)
    state.records.add_model(name, request, execution)
    return {**request, "ModelName": name, "ModelArn": arn("model", name.lower()), "CreationTime": now()}


def register_model(state: State, execution: str, step: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Record a model package; return what DescribeModelPackage would answer. To be called in a transaction.

    Raises:
        StepError: it names no group, or its data does not exist.

    """
    group = str(request.get("ModelPackageGroupName", "")).rpartition("/")[2]
    if not group:
        raise StepError(
            f"ClientError: step {step!r}: give ModelPackageGroupName; packages without are not supported"
        )
    _require_data(state, step, request.get("InferenceSpecification", {}).get("Containers", []))
    approval = str(request.get("ModelApprovalStatus", "PendingManualApproval"))
    package = state.records.add_model_package(group, request, approval, execution, step)
    return {
        **request,
        "ModelPackageGroupName": group,
        "ModelPackageArn": package,
        "ModelPackageVersion": int(package.rpartition("/")[2]),
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": approval,
        "CreationTime": now(),
    }


def _require_data(state: State, step: str, containers: list[Mapping[str, Any]]) -> None:
    for item in containers:
        uri = item.get("ModelDataUrl")
        try:
            if uri and not state.objects.path(uri).is_file():
                raise StepError(f"ClientError: step {step!r}: there is no model data at {uri}")
        except LocalError as error:
            raise StepError(f"ClientError: step {step!r}: {error}") from None
