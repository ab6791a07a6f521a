"""Rows as the plain data that the command line, the report and tests read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.arns import seconds_between
from local.records import Row


def execution(row: Row) -> dict[str, Any]:
    """Return an execution without its steps."""
    return {
        "execution": row["id"],
        "execution_arn": row["arn"],
        "pipeline": row["pipeline"],
        "status": row["status"],
        "failure_reason": row["failure_reason"],
        "parameters": json.loads(row["parameters"]),
        "started": row["started"],
        "ended": row["ended"],
        "seconds": seconds_between(row["started"], row["ended"]),
    }


def step(row: Row) -> dict[str, Any]:
    """Return a step of an execution, with its outputs and metrics drawn from its properties.

    `seconds` is from its start to its end, `process_seconds` what its job's own process took of that; None
    for a step without a job, from the cache, or without success.
    """
    properties = json.loads(row["properties"])
    return {
        "name": row["name"],
        "type": row["type"],
        "status": row["status"],
        "seconds": seconds_between(row["started"], row["ended"]),
        "started": row["started"],
        "ended": row["ended"],
        "process_seconds": row["process_seconds"],
        "attempts": row["attempts"],
        "cached": row["cache_source"] is not None,
        "cache_source": row["cache_source"],
        "cache_reason": row["cache_reason"],
        "failure_reason": row["failure_reason"],
        "outcome": row["outcome"],
        "job": row["job"],
        "log": row["log"],
        "outputs": outputs(properties),
        "metrics": metrics(properties),
        "properties": properties,
    }


def model_package(row: Row) -> dict[str, Any]:
    """Return a model package."""
    request = json.loads(row["request"])
    container = (request.get("InferenceSpecification", {}).get("Containers") or [{}])[0]
    return {
        "model_package_arn": row["arn"],
        "group": row["model_package_group"],
        "version": row["version"],
        "status": row["status"],
        "approval_status": row["approval_status"],
        "created": row["created"],
        "execution": row["execution"],
        "step": row["step"],
        "model_data_url": container.get("ModelDataUrl"),
        "image": container.get("Image"),
        "model_metrics": request.get("ModelMetrics", {}),
        "customer_metadata": request.get("CustomerMetadataProperties", {}),
    }


def outputs(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the S3 locations that a step wrote, by output name."""
    found = {
        output["OutputName"]: output["S3Output"]["S3Uri"]
        for output in properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if "S3Output" in output
    }
    if "ModelArtifacts" in properties:
        found["model"] = properties["ModelArtifacts"]["S3ModelArtifacts"]
    if "TransformOutput" in properties:
        found["transform"] = properties["TransformOutput"]["S3OutputPath"]
    return found


def metrics(properties: Mapping[str, Any]) -> dict[str, float]:
    """Return a training step's final metrics by name."""
    return {entry["MetricName"]: entry["Value"] for entry in properties.get("FinalMetricDataList", [])}
