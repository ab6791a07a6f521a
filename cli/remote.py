"""Executions and model packages as boto3 tells them, in the form in which the state directory tells them.

What this machine alone knows is left out: why the step cache missed, and the path of a log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError

if TYPE_CHECKING:
    from cli.client import Clients

_JOBS = {
    "ProcessingJob": ("Processing", "describe_processing_job", "ProcessingJobName", "ProcessingJobs"),
    "TrainingJob": ("Training", "describe_training_job", "TrainingJobName", "TrainingJobs"),
    "TransformJob": ("Transform", "describe_transform_job", "TransformJobName", "TransformJobs"),
}
"""Metadata of a step → its type, how its job is described, and the end of its log group's name."""


class Remote:
    """What `executions`, `describe`, `models`, `report` and the end of `run` read.

    Attributes:
        home: below it reports are written.
        objects: reads objects of S3.

    """

    def __init__(self, service: Clients, home: Path):
        self.home = home
        self.objects = RemoteObjects(service)
        self._sagemaker = service.sagemaker

    # --- executions -----------------------------------------------------------------------------------

    def executions(self, pipeline: str | None = None) -> list[dict[str, Any]]:
        """Return the executions (of one pipeline) without their steps, newest first."""
        names = [pipeline] if pipeline else self._pipelines()
        rows = [
            self._execution(entry["PipelineExecutionArn"]) for name in names for entry in self._runs(name)
        ]
        return sorted(rows, key=lambda row: str(row["started"]), reverse=True)

    def describe(self, execution: str) -> dict[str, Any]:
        """Return an execution (an id or ARN) with its steps in order of start.

        Raises:
            UsageError: there is none.

        """
        arn = self.arn(execution)
        return {**self._execution(arn), "steps": [self._step(entry) for entry in self.steps(arn)]}

    def definition(self, execution: str) -> dict[str, Any]:
        """Return the definition that an execution runs by."""
        answer = self._sagemaker.describe_pipeline_definition_for_execution(
            PipelineExecutionArn=self.arn(execution)
        )
        definition: dict[str, Any] = json.loads(answer["PipelineDefinition"])
        return definition

    def arn(self, execution: str) -> str:
        """Return the ARN of an execution that is named by its id or ARN.

        Raises:
            UsageError: there is none.

        """
        if execution.startswith("arn:"):
            return execution
        for pipeline in self._pipelines():
            for entry in self._runs(pipeline):
                arn: str = entry["PipelineExecutionArn"]
                if arn.endswith(f"/execution/{execution}"):
                    return arn
        raise UsageError(f"no execution {execution!r}; `trainyard executions` lists them")

    def steps(self, arn: str) -> list[dict[str, Any]]:
        """Return ListPipelineExecutionSteps' entries in order of start."""
        from serving.api import pages

        return list(
            pages(
                self._sagemaker.list_pipeline_execution_steps,
                "PipelineExecutionSteps",
                PipelineExecutionArn=arn,
                SortOrder="Ascending",
            )
        )

    def _pipelines(self) -> list[str]:
        from serving.api import pages

        listed = pages(self._sagemaker.list_pipelines, "PipelineSummaries")
        return [entry["PipelineName"] for entry in listed]

    def _runs(self, pipeline: str) -> Iterator[dict[str, Any]]:
        from serving.api import pages

        return pages(
            self._sagemaker.list_pipeline_executions, "PipelineExecutionSummaries", PipelineName=pipeline
        )

    def _execution(self, arn: str) -> dict[str, Any]:
        from serving.api import found, pages

        told = found(self._sagemaker.describe_pipeline_execution, PipelineExecutionArn=arn)
        if told is None:
            raise UsageError(f"no execution {arn}; `trainyard executions` lists them")
        parameters = pages(
            self._sagemaker.list_pipeline_parameters_for_execution,
            "PipelineParameters",
            PipelineExecutionArn=arn,
        )
        over = told["PipelineExecutionStatus"] not in ("Executing", "Stopping")
        ended = told["LastModifiedTime"] if over else None
        return {
            "execution": arn.rpartition("/")[2],
            "execution_arn": arn,
            "pipeline": told["PipelineArn"].rpartition("/")[2],
            "status": told["PipelineExecutionStatus"],
            "failure_reason": told.get("FailureReason"),
            "parameters": {entry["Name"]: entry["Value"] for entry in parameters},
            "started": _time(told["CreationTime"]),
            "ended": _time(ended),
            "seconds": _seconds(told["CreationTime"], ended),
        }

    def _step(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        from local import views

        metadata = entry.get("Metadata", {})
        properties, kind, job, log = self._job(metadata)
        source = entry.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
        return {
            "name": entry["StepName"],
            "type": kind or step_type(metadata),
            "status": entry["StepStatus"],
            "seconds": _seconds(entry.get("StartTime"), entry.get("EndTime")),
            "started": _time(entry.get("StartTime")),
            "ended": _time(entry.get("EndTime")),
            "attempts": entry.get("AttemptCount", 1),
            "cached": source is not None,
            "cache_source": source and source.rpartition("/")[2],
            "cache_reason": source and f"hit: {source}",
            "failure_reason": entry.get("FailureReason"),
            "outcome": metadata.get("Condition", {}).get("Outcome"),
            "job": job,
            "log": log,
            "outputs": views.outputs(properties),
            "metrics": views.metrics(properties),
            "properties": {"ModelPackageArn": metadata["RegisterModel"]["Arn"]}
            if "RegisterModel" in metadata
            else {},
        }

    def _job(self, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], str, str | None, str | None]:
        """Return the description, type, name and log of a step's job."""
        from serving.api import found

        for key, (kind, describe, parameter, logs) in _JOBS.items():
            if key in metadata:
                name = metadata[key]["Arn"].rpartition("/")[2]
                told = found(getattr(self._sagemaker, describe), **{parameter: name}) or {}
                return told, kind, name, f"/aws/sagemaker/{logs} {name}"
        return {}, "", None, None

    # --- model packages -------------------------------------------------------------------------------

    def model_packages(self, group: str | None = None) -> list[dict[str, Any]]:
        """Return the model packages (of one group), newest first."""
        from serving.api import found, pages

        if group is None:
            listed = pages(self._sagemaker.list_model_package_groups, "ModelPackageGroupSummaryList")
            names = [entry["ModelPackageGroupName"] for entry in listed]
        elif found(self._sagemaker.describe_model_package_group, ModelPackageGroupName=group) is None:
            return []
        else:
            names = [group]
        rows = [self._package(entry["ModelPackageArn"]) for name in names for entry in self._versions(name)]
        return sorted(rows, key=lambda row: str(row["created"]), reverse=True)

    def _versions(self, group: str) -> Iterator[dict[str, Any]]:
        from serving.api import pages

        return pages(
            self._sagemaker.list_model_packages, "ModelPackageSummaryList", ModelPackageGroupName=group
        )

    def _package(self, arn: str) -> dict[str, Any]:
        from serving.packages import execution_of

        told = self._sagemaker.describe_model_package(ModelPackageName=arn)
        container = (told.get("InferenceSpecification", {}).get("Containers") or [{}])[0]
        return {
            "model_package_arn": arn,
            "group": told["ModelPackageGroupName"],
            "version": told["ModelPackageVersion"],
            "status": told["ModelPackageStatus"],
            "approval_status": told["ModelApprovalStatus"],
            "created": _time(told["CreationTime"]),
            "execution": execution_of(told, container),
            "step": None,
            "model_data_url": container.get("ModelDataUrl"),
            "image": container.get("Image"),
            "model_metrics": told.get("ModelMetrics", {}),
            "customer_metadata": told.get("CustomerMetadataProperties", {}),
        }


class RemoteObjects:
    """Objects of S3, read through boto3."""

    def __init__(self, service: Clients):
        self._service = service

    def read_json(self, uri: str) -> Any:
        """Return the JSON value in an object."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return json.load(self._service.s3.get_object(Bucket=bucket, Key=key)["Body"])


def step_type(metadata: Mapping[str, Any]) -> str:
    """Return a step's type from what its metadata names."""
    for key in metadata:
        return _JOBS[key][0] if key in _JOBS else key
    return ""


def _time(moment: datetime | None) -> str | None:
    """Return a time as the state directory writes it."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(start: datetime | None, end: datetime | None) -> float:
    if start is None:
        return 0.0
    return ((end or datetime.now(UTC)) - start).total_seconds()
