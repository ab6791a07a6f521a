"""Training, processing and transform jobs: those of pipelines' steps, and those asked for by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.api.errors import ServiceError, in_use, invalid
from local.api.jobs import STEP_TYPES
from local.api.pagination import page, wanted
from local.api.registry import Operation, operation
from local.api.service import Service
from local.arns import arn
from local.records import Row

_NOT_KEPT = ("Tags",)
# Filters by what no job here has.
_NEVER_HERE = ("WarmPoolStatusEquals", "TrainingPlanArnEquals")


@dataclass(frozen=True)
class _Kind:
    """One of the three kinds of jobs.

    Attributes:
        word: Training, Processing or Transform; members and operations are called after it.
        arn: what its ARN calls it.
        missing: the message for a job that does not exist; `{name}` is its name.
        order: in which they are listed where the request has no SortOrder.

    """

    word: str
    arn: str
    missing: str
    order: str

    @property
    def name(self) -> str:
        return f"{self.word}JobName"


_KINDS = (
    _Kind(
        "Training",
        "training-job",
        "Requested resource not found: there is no training job {name}.",
        "Ascending",
    ),
    _Kind("Processing", "processing-job", "Could not find requested job with name: {name}", "Ascending"),
    _Kind("Transform", "transform-job", "Could not find requested job with name: {name}", "Descending"),
)


def _job(service: Service, kind: _Kind, name: str) -> Row:
    # By its ARN, which has the name in small letters: that is how a step's metadata names its job.
    rows = service.records.rows("SELECT * FROM jobs WHERE arn = ?", arn(kind.arn, name.lower()))
    if not rows:
        # AWS answers with ValidationException here, though its model declares ResourceNotFound.
        raise ServiceError("ValidationException", kind.missing.format(name=name))
    return rows[0]


def _create(kind: _Kind) -> Operation:
    def create(service: Service, request: dict[str, Any]) -> dict[str, Any]:
        name = request[kind.name]
        taken = service.records.rows("SELECT * FROM jobs WHERE lower(name) = ?", name.lower())
        if taken:
            # Stricter than AWS, where a training and a processing job may share a name: logs are named so.
            raise in_use(
                f"{kind.word} job names must be unique within an AWS account and region, and a job with this "
                f"name already exists ({taken[0]['arn']})"
            )
        _check(service, kind, request)
        kept = {key: value for key, value in request.items() if key not in _NOT_KEPT}
        service.jobs.start(kind.arn, STEP_TYPES[kind.arn], name, kept)
        arn = service.records.job(name)["arn"]
        service.tags.add(arn, request.get("Tags", []))
        return {f"{kind.word}JobArn": arn}

    return create


def _check(service: Service, kind: _Kind, request: dict[str, Any]) -> None:
    """Refuse at once what AWS refuses at once; what only running it shows is the job's failure."""
    if kind.word == "Transform":
        from local.api.operations.models import model

        model(service, request["ModelName"])
    if kind.word == "Training" and "TrainingImage" not in request.get("AlgorithmSpecification", {}):
        raise invalid("give AlgorithmSpecification.TrainingImage: algorithms by name are not known here")


def _describe(kind: _Kind) -> Operation:
    def describe(service: Service, request: dict[str, Any]) -> dict[str, Any]:
        return _description(kind, _job(service, kind, request[kind.name]))

    return describe


def _description(kind: _Kind, row: Row) -> dict[str, Any]:
    asked = json.loads(row["request"])
    done = json.loads(row["description"])
    specific = _training(asked, row) if kind.word == "Training" else {}
    ended = {f"{kind.word}EndTime": row["ended"]} if row["ended"] else {}
    return {
        **asked,
        **specific,
        **done,
        **ended,
        kind.name: row["name"],
        f"{kind.word}JobArn": row["arn"],
        f"{kind.word}JobStatus": row["status"],
        "FailureReason": row["exit_reason"] if row["status"] == "Failed" else None,
        "CreationTime": row["created"],
        f"{kind.word}StartTime": row["created"],
        "LastModifiedTime": _modified(row),
    }


def _training(asked: dict[str, Any], row: Row) -> dict[str, Any]:
    output = asked["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    status = {"InProgress": "Training"}.get(row["status"], row["status"])
    return {
        "SecondaryStatus": status,
        "SecondaryStatusTransitions": [
            {"Status": status, "StartTime": row["created"], "EndTime": row["ended"]},
        ],
        "ModelArtifacts": {"S3ModelArtifacts": f"{output}/{row['name']}/output/model.tar.gz"},
        "StoppingCondition": asked.get("StoppingCondition", {}),
    }


def _modified(row: Row) -> str:
    return str(row["ended"] or row["modified"] or row["created"])


def _list(kind: _Kind) -> Operation:
    def listed(service: Service, request: dict[str, Any]) -> dict[str, Any]:
        if any(name in request for name in _NEVER_HERE):
            return {f"{kind.word}JobSummaries": []}
        rows = service.records.rows(
            "SELECT name, arn, status, exit_reason, created, modified, ended FROM jobs WHERE type = ?",
            kind.arn,
        )
        status = f"{kind.word}JobStatus"
        items = [
            {
                kind.name: row["name"],
                f"{kind.word}JobArn": row["arn"],
                status: row["status"],
                "CreationTime": row["created"],
                f"{kind.word}EndTime": row["ended"],
                "LastModifiedTime": _modified(row),
                "FailureReason": row["exit_reason"] if row["status"] == "Failed" else None,
            }
            for row in rows
            if request.get("StatusEquals") in (None, row["status"])
        ]
        sort: dict[str, Callable[[Any], str]] = {
            "CreationTime": lambda item: item["CreationTime"],
            "Name": lambda item: item[kind.name],
            "Status": lambda item: item[status],
        }
        shown, more = page(
            request,
            wanted(request, items, kind.name),
            sort=sort,
            identity=lambda item: item[kind.name],
            order=kind.order,
        )
        return {f"{kind.word}JobSummaries": shown, **more}

    return listed


def _stop(kind: _Kind) -> Operation:
    def stop(service: Service, request: dict[str, Any]) -> dict[str, Any]:
        row = _job(service, kind, request[kind.name])
        if row["status"] not in ("InProgress", "Stopping"):
            raise invalid(
                f"The request was rejected because the {kind.word.lower()} job is in status {row['status']}."
            )
        if row["execution"] is not None:
            service.executions.stop_job(row["execution"], row["name"])
        else:
            service.jobs.stop(row["name"])
        return {}

    return stop


for _kind in _KINDS:
    operation(f"Create{_kind.word}Job")(_create(_kind))
    operation(f"Describe{_kind.word}Job")(_describe(_kind))
    operation(f"List{_kind.word}Jobs")(_list(_kind))
    operation(f"Stop{_kind.word}Job")(_stop(_kind))
