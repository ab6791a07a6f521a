"""Executions and model packages as boto3 tells them, in the form in which the state directory tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError
from cli.notes import notes
from cli.remote_steps import JOBS, as_text, outlined, plain, properties_of, seconds_between

if TYPE_CHECKING:
    from cli.client import Clients


_AT_ONCE = 8
"""Requests side by side: each execution is described by itself."""


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
        self._arns: dict[str, str] = {}
        self._types: dict[str, dict[str, str]] = {}

    # --- executions -----------------------------------------------------------------------------------

    def executions(self, pipeline: str | None = None) -> list[dict[str, Any]]:
        """Return the executions (of one pipeline) without their steps, newest first."""
        from concurrent.futures import ThreadPoolExecutor

        names = [pipeline] if pipeline else self._pipelines()
        arns = [entry["PipelineExecutionArn"] for name in names for entry in self._runs(name)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            rows = list(pool.map(self._execution, arns))
        return sorted(rows, key=lambda row: str(row["started"]), reverse=True)

    def describe(self, execution: str) -> dict[str, Any]:
        """Return an execution (an id or ARN) with its steps in order of start.

        Raises:
            UsageError: there is none.

        """
        arn = self.arn(execution)
        noted = notes(self.home, arn)
        steps = [{**self._step(entry), **noted.get(entry["StepName"], {})} for entry in self.steps(arn)]
        return {**self._execution(arn), "steps": steps}

    def outline(self, execution: str) -> dict[str, Any]:
        """Return an execution with what its steps are told without a look at their jobs.

        Raises:
            UsageError: there is none.

        """
        arn = self.arn(execution)
        # Asked for first: steps that end between the two answers are told the next time.
        answer = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return {
            "execution": arn.rpartition("/")[2],
            "status": answer["PipelineExecutionStatus"],
            "steps": [outlined(entry) for entry in self.steps(arn)],
        }

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
        if execution in self._arns:
            return self._arns[execution]
        for pipeline in self._pipelines():
            for entry in self._runs(pipeline):
                arn: str = entry["PipelineExecutionArn"]
                if arn.endswith(f"/execution/{execution}"):
                    self._arns[execution] = arn
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
        pipeline = told["PipelineArn"].rpartition("/")[2]
        return {
            "execution": arn.rpartition("/")[2],
            "execution_arn": arn,
            "pipeline": pipeline,
            "status": told["PipelineExecutionStatus"],
            "failure_reason": told.get("FailureReason"),
            "parameters": self._typed(pipeline, {entry["Name"]: entry["Value"] for entry in parameters}),
            "started": as_text(told["CreationTime"]),
            "ended": as_text(ended),
            "seconds": seconds_between(told["CreationTime"], ended),
        }

    def _typed(self, pipeline: str, values: dict[str, str]) -> dict[str, Any]:
        """Return parameters, which the API tells as text, as the pipeline declares them, and in its order."""
        types = self._types.get(pipeline)
        if types is None:
            from serving.api import found

            told = found(self._sagemaker.describe_pipeline, PipelineName=pipeline) or {}
            declared = json.loads(told.get("PipelineDefinition", "{}")).get("Parameters", [])
            types = self._types[pipeline] = {entry["Name"]: entry["Type"] for entry in declared}
        names = [*(name for name in types if name in values), *(name for name in values if name not in types)]
        return {
            name: values[name] if types.get(name, "String") == "String" else json.loads(values[name])
            for name in names
        }

    def _step(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        from local import views

        metadata = entry.get("Metadata", {})
        properties, job, log = self._job(metadata)
        source = entry.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
        return {
            **outlined(entry),
            "started": as_text(entry.get("StartTime")),
            "ended": as_text(entry.get("EndTime")),
            "attempts": entry.get("AttemptCount", 1),
            "cache_source": source and source.rpartition("/")[2],
            "cache_reason": source and f"hit: {source}",
            "job": job,
            "log": log,
            "process_seconds": None,
            "outputs": views.outputs(properties),
            "metrics": views.metrics(properties),
            "properties": plain(properties or properties_of(metadata)),
        }

    def _job(self, metadata: Mapping[str, Any]) -> tuple[dict[str, Any], str | None, str | None]:
        """Return the description, name and log of a step's job."""
        from serving.api import found

        for key, (_, describe, parameter, logs) in JOBS.items():
            if key in metadata:
                name = metadata[key]["Arn"].rpartition("/")[2]
                told = found(getattr(self._sagemaker, describe), **{parameter: name}) or {}
                told.pop("ResponseMetadata", None)
                name = told.get(parameter, name)  # the ARN has it in small letters
                return told, name, f"/aws/sagemaker/{logs} {name}"
        return {}, None, None

    # --- model packages -------------------------------------------------------------------------------

    def model_packages(self, group: str | None = None) -> list[dict[str, Any]]:
        """Return the model packages (of one group, or of the task that it ends in), newest first."""
        from cli.registry import groups_of
        from serving.api import pages

        if group is None:
            listed = pages(self._sagemaker.list_model_package_groups, "ModelPackageGroupSummaryList")
            names = [entry["ModelPackageGroupName"] for entry in listed]
        else:
            names = groups_of(self._sagemaker, group)
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
            "created": as_text(told["CreationTime"]),
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
