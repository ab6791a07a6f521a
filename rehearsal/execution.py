"""The deployed pipeline: its deployed definition, and executions of it."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

from cli.samples import write_sample
from pipeline.definition import load
from rehearsal.report import CheckError, Report
from rehearsal.site import Site

_PAUSE_SECONDS = 0.25
_EXECUTION_SECONDS = 120.0
_UNDER_WAY = ("Executing", "Stopping")


def upload_raw_data(site: Site, report: Report, task: str) -> None:
    """Put the task's data where the pipeline's default parameter looks for it."""
    folder = site.folder / "raw"
    folder.mkdir()
    data = write_sample(task, folder)
    bucket, client = site.names.bucket("raw"), site.client("s3")
    files = [path for path in sorted(data.rglob("*")) if path.is_file()]
    for path in files:
        client.upload_file(str(path), bucket, f"{task}/{path.relative_to(data).as_posix()}")
    report.note(f"{_listed(files)} uploaded to s3://{bucket}/{task}/")


def start(site: Site, report: Report, task: str) -> str:
    """Check the deployed definition and start it; return the execution's ARN."""
    client, name = site.client("sagemaker"), site.names.of(task)
    deployed = json.loads(client.describe_pipeline(PipelineName=name)["PipelineDefinition"])
    steps = [step["Name"] for step in deployed["Steps"]]
    report.check(
        steps == [step["Name"] for step in load(task)["Steps"]],
        f"the deployed definition of {name} has the steps of the compiled one ({len(steps)})",
        steps,
    )
    report.check("${" not in json.dumps(deployed), "and none of its placeholders is open")
    started = client.start_pipeline_execution(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)
    return str(started["PipelineExecutionArn"])


def wait(site: Site, report: Report, execution: str) -> dict[str, str]:
    """Wait for an execution's success; return step → status."""
    found = _ended(site, execution)
    steps = _steps(site.client("sagemaker"), execution)
    reason = found.get("FailureReason", "")
    failed = [f"{step['StepName']}: {step['FailureReason']}" for step in steps if "FailureReason" in step]
    report.check(
        found["PipelineExecutionStatus"] == "Succeeded",
        f"the execution {execution.rpartition('/')[2]} has Succeeded, in {len(steps)} steps",
        "; ".join([reason, *failed]),
    )
    return {step["StepName"]: step["StepStatus"] for step in steps}


def failure(site: Site, execution: str) -> dict[str, str]:
    """Wait for an execution's end; return the reasons of the steps that failed."""
    _ended(site, execution)
    steps = _steps(site.client("sagemaker"), execution)
    return {step["StepName"]: step["FailureReason"] for step in steps if "FailureReason" in step}


def _ended(site: Site, execution: str) -> dict[str, Any]:
    client = site.client("sagemaker")
    until = time.monotonic() + _EXECUTION_SECONDS
    while True:
        found: dict[str, Any] = client.describe_pipeline_execution(PipelineExecutionArn=execution)
        if found["PipelineExecutionStatus"] not in _UNDER_WAY:
            return found
        if time.monotonic() > until:
            raise CheckError(f"{execution} is still {found['PipelineExecutionStatus']}")
        time.sleep(_PAUSE_SECONDS)


def registered(site: Site, report: Report, task: str, execution: str) -> str:
    """Check what an execution has left in the registry and in S3; return the package's ARN."""
    client = site.client("sagemaker")
    made = [step for step in _steps(client, execution) if "RegisterModel" in step.get("Metadata", {})]
    report.check(len(made) == 1, "it registered one model package", len(made))
    arn = str(made[0]["Metadata"]["RegisterModel"]["Arn"])
    package = client.describe_model_package(ModelPackageName=arn)
    report.check(
        package["ModelPackageGroupName"] == site.names.of(task)
        and package["ModelApprovalStatus"] == "PendingManualApproval",
        f"{arn.partition(':model-package/')[2]} waits for approval",
        package["ModelApprovalStatus"],
    )
    data = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = data.removeprefix("s3://").partition("/")
    size = site.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
    report.check(
        bucket == site.names.bucket("artifacts") and size > 0,
        f"its model ({size} bytes) lies in the artifact bucket of the emulator's S3",
        data,
    )
    return arn


def scheduled(site: Site, report: Report, task: str, by_hand: set[str], seconds: float) -> str:
    """Wait until the schedule starts an execution, one that is not among those by hand; return its ARN."""
    client, name = site.client("sagemaker"), site.names.of(task)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        listed = client.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]
        others = [item for item in listed if item["PipelineExecutionArn"] not in by_hand]
        if others:
            first = min(others, key=lambda item: item["StartTime"])
            report.check(first, "the schedule rate(1 minute) fired and started an execution")
            return str(first["PipelineExecutionArn"])
        time.sleep(_PAUSE_SECONDS)
    raise CheckError(f"no schedule started an execution of {name} within {seconds:g} s")


def parameters_of_schedule(site: Site, report: Report, task: str, execution: str) -> None:
    """Check that a scheduled execution has the settings' parameters."""
    chosen = site.settings().tasks[task]
    pages = site.client("sagemaker").get_paginator("list_pipeline_parameters_for_execution")
    found = {
        item["Name"]: item["Value"]
        for page in pages.paginate(PipelineExecutionArn=execution)
        for item in page["PipelineParameters"]
    }
    report.check(
        float(found["MinF1"]) == chosen.min_f1 and found["ApprovalStatus"] == chosen.approval,
        f"with the settings' parameters: MinF1 {found['MinF1']}, ApprovalStatus {found['ApprovalStatus']}",
        found,
    )


def wait_for_all(site: Site, task: str) -> None:
    """Wait until no execution is under way."""
    client = site.client("sagemaker")
    until = time.monotonic() + _EXECUTION_SECONDS
    while time.monotonic() < until:
        listed = client.list_pipeline_executions(PipelineName=site.names.of(task))
        if all(
            item["PipelineExecutionStatus"] not in _UNDER_WAY for item in listed["PipelineExecutionSummaries"]
        ):
            return
        time.sleep(_PAUSE_SECONDS)


def _steps(client: Any, execution: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution)
    return [step for page in pages for step in page["PipelineExecutionSteps"]]


def _listed(files: list[Path]) -> str:
    return ", ".join(path.name for path in files)
