"""Executions of pipelines, and their steps."""

from __future__ import annotations

import json
from typing import Any

from local.api.errors import conflict, invalid, not_found
from local.api.operations.pipelines import check_version, pipeline
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn, execution_id, new_execution_id, pipeline_arn
from local.errors import NotFoundError
from local.records import Row
from pipeline.definition import DefinitionError, resolve_parameters

_JOBS = {
    "Training": ("TrainingJob", "training-job"),
    "Processing": ("ProcessingJob", "processing-job"),
    "Transform": ("TransformJob", "transform-job"),
}
_UNSUPPORTED = ("SelectiveExecutionConfig", "MlflowExperimentName", "RoleArn")


def _execution(service: Service, given: str) -> Row:
    try:
        row = service.records.execution(execution_id(given))
    except NotFoundError:
        row = None
    if row is None or row["arn"] != given:
        raise not_found(f"Pipeline execution with ARN {given} does not exist.")
    return row


# --- under way ----------------------------------------------------------------------------------------------


@operation("StartPipelineExecution")
def start_pipeline_execution(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Start an execution of a pipeline by its newest definition."""
    found = pipeline(service, request["PipelineName"])
    check_version(found, request)
    for name in _UNSUPPORTED:
        if name in request:
            raise invalid(f"{name} is not supported on this machine; leave it out")
    definition = json.loads(found.request["PipelineDefinition"])
    values = _parameters(definition, request.get("PipelineParameters", []))
    execution = new_execution_id()
    service.records.add_execution(execution, found.name, values, definition)
    kept = {key: request[key] for key in request if key.startswith("PipelineExecution")}
    limits = request.get("ParallelismConfiguration") or found.request.get("ParallelismConfiguration")
    _keep_request(service, execution, {**kept, "ParallelismConfiguration": limits})
    service.executions.start(execution)
    return {"PipelineExecutionArn": service.records.execution(execution)["arn"]}


def _parameters(definition: dict[str, Any], given: list[dict[str, str]]) -> dict[str, Any]:
    values = {entry["Name"]: entry["Value"] for entry in given}
    if len(values) < len(given):
        raise invalid("a parameter is given twice; name each once")
    try:
        return dict(resolve_parameters(definition, values))
    except DefinitionError as error:
        raise invalid(f"Pipeline parameters: {error}") from None


def _keep_request(service: Service, execution: str, request: dict[str, Any]) -> None:
    service.records.update_execution(execution, request=json.dumps(request), modified=service.clock())


@operation("StopPipelineExecution")
def stop_pipeline_execution(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Stop an execution: its jobs get SIGTERM, no other step is started."""
    row = _execution(service, request["PipelineExecutionArn"])
    if row["status"] not in ("Executing", "Stopping"):
        raise conflict(
            f"Pipeline execution {row['arn']} is {row['status']}; only one that is Executing can be stopped"
        )
    service.executions.stop(row["id"])
    return {"PipelineExecutionArn": row["arn"]}


@operation("RetryPipelineExecution")
def retry_pipeline_execution(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Go on with an execution that failed or was stopped: what succeeded stays."""
    row = _execution(service, request["PipelineExecutionArn"])
    if row["status"] not in ("Failed", "Stopped"):
        raise conflict(
            f"Pipeline execution {row['arn']} is {row['status']}; "
            "only one that is Failed or Stopped can be retried"
        )
    if "ParallelismConfiguration" in request:
        _update_request(service, row, {"ParallelismConfiguration": request["ParallelismConfiguration"]})
    service.executions.start(row["id"])
    return {"PipelineExecutionArn": row["arn"]}


@operation("UpdatePipelineExecution")
def update_pipeline_execution(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change an execution's name, description or parallelism (which counts from its next start)."""
    row = _execution(service, request["PipelineExecutionArn"])
    _update_request(
        service, row, {key: value for key, value in request.items() if key != "PipelineExecutionArn"}
    )
    return {"PipelineExecutionArn": row["arn"]}


def _update_request(service: Service, row: Row, changed: dict[str, Any]) -> None:
    _keep_request(service, row["id"], {**json.loads(row["request"] or "{}"), **changed})


# --- described ----------------------------------------------------------------------------------------------


@operation("DescribePipelineExecution")
def describe_pipeline_execution(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return an execution's status and failure."""
    row = _execution(service, request["PipelineExecutionArn"])
    found = service.resources.find(pipeline_arn(row["pipeline"]))
    return {
        **_summary(row),
        "PipelineArn": pipeline_arn(row["pipeline"]),
        "FailureReason": row["failure_reason"],
        "LastModifiedTime": row["ended"] or row["modified"] or row["started"],
        "ParallelismConfiguration": json.loads(row["request"] or "{}").get("ParallelismConfiguration"),
        "RoleArn": found.request.get("RoleArn") if found else None,
    }


@operation("ListPipelineExecutions")
def list_pipeline_executions(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline's executions, newest first."""
    found = pipeline(service, request["PipelineName"])
    check_version(found, request)
    items = [_summary(row) for row in service.records.execution_summaries(found.name)]
    shown, more = page(
        request,
        wanted(request, items, "PipelineExecutionArn"),
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "PipelineExecutionArn": lambda item: item["PipelineExecutionArn"],
        },
        identity=lambda item: item["PipelineExecutionArn"],
    )
    return {"PipelineExecutionSummaries": shown, **more}


def _summary(row: Row) -> dict[str, Any]:
    asked = json.loads(row["request"] or "{}")
    return {
        "PipelineExecutionArn": row["arn"],
        "PipelineExecutionStatus": row["status"],
        "PipelineExecutionDisplayName": asked.get("PipelineExecutionDisplayName", f"execution-{row['id']}"),
        "PipelineExecutionDescription": asked.get("PipelineExecutionDescription"),
        "PipelineExecutionFailureReason": row["failure_reason"],
        "StartTime": row["started"],
        "CreationTime": row["started"],
    }


@operation("DescribePipelineDefinitionForExecution")
def describe_definition(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return the definition that an execution runs by."""
    row = _execution(service, request["PipelineExecutionArn"])
    return {"PipelineDefinition": row["definition"], "CreationTime": row["started"]}


@operation("ListPipelineParametersForExecution")
def list_parameters(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that an execution runs with."""
    row = _execution(service, request["PipelineExecutionArn"])
    items = [{"Name": name, "Value": _text(value)} for name, value in json.loads(row["parameters"]).items()]
    shown, more = page(
        request,
        items,
        sort={"Name": lambda item: item["Name"]},
        identity=lambda item: item["Name"],
        order="Ascending",
        most=50,
    )
    return {"PipelineParameters": shown, **more}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- steps --------------------------------------------------------------------------------------------------


@operation("ListPipelineExecutionSteps")
def list_steps(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return the steps that were started, newest first."""
    if "PipelineExecutionArn" not in request:
        raise invalid("give PipelineExecutionArn")
    row = _execution(service, request["PipelineExecutionArn"])
    steps = service.records.steps(row["id"])  # once: another may start at any moment
    placed = {step["name"]: f"{number:06d}" for number, step in enumerate(steps)}
    items = [_step(service, step) for step in steps]
    shown, more = page(
        request,
        items,
        sort={"StartTime": lambda item: placed[item["StepName"]]},
        identity=lambda item: item["StepName"],
    )
    return {"PipelineExecutionSteps": shown, **more}


def _step(service: Service, row: Row) -> dict[str, Any]:
    source = service.records.execution(row["cache_source"])["arn"] if row["cache_source"] else None
    return {
        "StepName": row["name"],
        "StartTime": row["started"],
        "EndTime": row["ended"],
        "StepStatus": row["status"],
        "CacheHitResult": {"SourcePipelineExecutionArn": source} if source else None,
        "FailureReason": row["failure_reason"],
        "AttemptCount": row["attempts"],
        "Metadata": _metadata(row),
    }


def _metadata(row: Row) -> dict[str, Any]:
    kind, properties = row["type"], json.loads(row["properties"])
    if kind in _JOBS:
        member, job_kind = _JOBS[kind]
        named = arn(job_kind, row["job"].lower()) if row["job"] else properties.get(f"{member}Arn")
        return {member: {"Arn": named}} if named else {}
    if kind == "Model" and "ModelArn" in properties:
        return {"Model": {"Arn": properties["ModelArn"]}}
    if kind == "RegisterModel" and "ModelPackageArn" in properties:
        return {"RegisterModel": {"Arn": properties["ModelPackageArn"]}}
    if kind == "Condition":
        return {"Condition": {"Outcome": row["outcome"]}}
    return {"Fail": {"ErrorMessage": row["failure_reason"]}} if kind == "Fail" else {}
