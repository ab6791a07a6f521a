"""Steps of an execution as boto3 tells them, in the form in which the state directory tells them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

JOBS = {
    "ProcessingJob": ("Processing", "describe_processing_job", "ProcessingJobName", "ProcessingJobs"),
    "TrainingJob": ("Training", "describe_training_job", "TrainingJobName", "TrainingJobs"),
    "TransformJob": ("Transform", "describe_transform_job", "TransformJobName", "TransformJobs"),
}
"""Metadata of a step → its type, how its job is described, and the end of its log group's name."""


def outlined(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ListPipelineExecutionSteps alone tells of a step."""
    metadata = entry.get("Metadata", {})
    return {
        "name": entry["StepName"],
        "type": _type(metadata),
        "status": entry["StepStatus"],
        "seconds": seconds_between(entry.get("StartTime"), entry.get("EndTime")),
        "cached": "CacheHitResult" in entry,
        "failure_reason": entry.get("FailureReason"),
        "outcome": metadata.get("Condition", {}).get("Outcome"),
    }


def _type(metadata: Mapping[str, Any]) -> str:
    """Return a step's type from what its metadata names."""
    for key in metadata:
        return JOBS[key][0] if key in JOBS else key
    return ""


def properties_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a step without a job, as far as its metadata names them."""
    if "RegisterModel" in metadata:
        return {"ModelPackageArn": metadata["RegisterModel"]["Arn"]}
    if "Model" in metadata:
        return {"ModelArn": metadata["Model"]["Arn"]}
    outcome = metadata.get("Condition", {}).get("Outcome")
    return {"Outcome": outcome} if outcome else {}


def plain(value: Any) -> Any:
    """Return an answer of boto3 as JSON holds it."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return as_text(value) if isinstance(value, datetime) else value


def as_text(moment: datetime | None) -> str | None:
    """Return a time as the state directory writes it."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: datetime | None, end: datetime | None) -> float:
    """Return the seconds from a start to an end, or until now; 0 where nothing has started."""
    if start is None:
        return 0.0
    return ((end or datetime.now(UTC)) - start).total_seconds()
