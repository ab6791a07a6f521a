"""`trainyard predict TASK --data FILE --output FILE`: a transform job with the newest approved model.

Raw rows are treated as the rows that trained the model were, and its answers become a file of class
probabilities (docs/data.md). With `--as-is` the file goes to the model, and its answers come back, untouched.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.client import add_on
from cli.errors import UsageError
from cli.files import readable_file
from cli.options import add_json

if TYPE_CHECKING:
    from cli.batch import Prepared
    from cli.client import Clients
    from serving.packages import Package

_JOB_SECONDS = 24 * 3600.0
_LOOKED_AT = 300
_SPLITS = {"text/csv": "Line", "application/jsonlines": "Line", "application/x-recordio-protobuf": "RecordIO"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("task", metavar="TASK", help="a task, or its model package group")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="raw rows, in the layout of the task's data"
    )
    parser.add_argument(
        "--schema", type=Path, metavar="S.json", help="types of the columns, where they are not the task's"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="gets a probability a class for each row"
    )
    parser.add_argument(
        "--as-is", action="store_true", help="FILE holds features as the model takes them; answer as it does"
    )
    parser.add_argument(
        "--live", action="store_true", help="ask the task's endpoint instead of running a transform job"
    )
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the job and fetch its answers; 1 where the job failed."""
    import tempfile

    from cli.client import connect
    from cli.registry import group_of
    from serving.packages import approved

    _check_usage(options)
    with (
        connect(options.on, endpoints=options.live) as service,
        tempfile.TemporaryDirectory(prefix="trainyard-") as folder,
    ):
        sagemaker = service.sagemaker
        group = group_of(sagemaker, options.task)
        if options.live:
            return _live(service, group, options, Path(folder))
        versions = approved(sagemaker, group)
        if not versions:
            raise UsageError(
                f"no version of {group} is approved; approve one: trainyard approve {group}/VERSION"
            )
        job = _answered(service, versions[0], options, Path(folder))
    result = {
        "job": job["TransformJobName"],
        "status": job["TransformJobStatus"],
        "failure_reason": job.get("FailureReason"),
        "model_package_arn": versions[0].arn,
        "output": str(options.output),
    }
    if options.json:
        print(json.dumps(result, indent=2))
    elif result["status"] == "Completed":
        print(f"{result['output']}: the answers of {result['model_package_arn']}")
    if result["status"] != "Completed":
        print(
            f"trainyard: transform job {result['job']} {result['status']}: {result['failure_reason']}",
            file=sys.stderr,
        )
        return 1
    return 0


def _check_usage(options: argparse.Namespace) -> None:
    for option, file in (("--data", options.data), ("--schema", options.schema)):
        if file is None:
            continue
        readable_file(file, option)
        if options.output.exists() and options.output.samefile(file):
            raise UsageError(
                f"--output {options.output} is the file of {option}, which it would overwrite; name another"
            )
    if not options.output.parent.is_dir():
        raise UsageError(f"--output {options.output}: there is no folder {options.output.parent}")
    if options.output.is_dir():
        raise UsageError(f"--output {options.output}: it is a folder; name a file in it")
    if options.as_is and (options.schema or options.live):
        raise UsageError("--as-is goes with neither --schema nor --live: the file is sent as it is, as a job")


def _answered(
    service: Clients, package: Package, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Run the job over what the file holds, and write what it answered; return its description."""
    from cli.batch import write_predictions
    from cli.content import content_type

    if options.as_is:
        return _run(service, package, options.data, content_type(options.data), options.output)
    prepared, answers = _prepared(service, package, options, folder)
    answer = answers / "batch.out"
    job = _run(service, package, prepared.channel, prepared.content_type, answer, _accept(package))
    if job["TransformJobStatus"] == "Completed":
        write_predictions(prepared, answers, options.output)
    return job


def _live(service: Clients, group: str, options: argparse.Namespace, folder: Path) -> int:
    """Ask the endpoint for every row, and write what it answered."""
    from cli.batch import write_predictions
    from cli.endpoints import describe
    from cli.invoke import request
    from cli.live import ask
    from serving.packages import package

    live = describe(service.sagemaker, group)
    if live is None or live["model_package_arn"] is None:
        raise UsageError(f"no endpoint serves {group}; approve a version: trainyard approve {group}/VERSION")
    served = package(service.sagemaker, live["model_package_arn"])
    prepared, answers = _prepared(service, served, options, folder)
    headers = {"ContentType": prepared.content_type, "Accept": _accept(served)}
    ask(prepared, answers, lambda body: request(service, group, body, headers))
    rows = write_predictions(prepared, answers, options.output)
    if options.json:
        result = {
            "endpoint": group,
            "rows": rows,
            "model_package_arn": served.arn,
            "output": str(options.output),
        }
        print(json.dumps(result, indent=2))
    else:
        print(f"{options.output}: the answers of {served.arn}")
    return 0


def _prepared(
    service: Clients, package: Package, options: argparse.Namespace, folder: Path
) -> tuple[Prepared, Path]:
    """Return the treated rows, and an empty folder for the answers."""
    from cli.batch import prepare

    treatment = folder / "treatment.json"
    treatment.write_text(json.dumps(_treatment(service, package)), encoding="utf-8")
    answers = folder / "answers"
    answers.mkdir()
    return prepare(options.data, treatment, folder, options.schema), answers


def _accept(package: Package) -> str:
    # The labels of its neighbours are all that knn knows of probabilities.
    return "application/jsonlines; verbose=true" if package.algorithm == "knn" else "application/jsonlines"


def _treatment(service: Clients, package: Package) -> Any:
    """Return the treatment of raw rows that the model package names.

    Raises:
        UsageError: it names none.

    """
    from cli.remote import RemoteObjects

    answer = service.sagemaker.describe_model_package(ModelPackageName=package.arn)
    place = answer.get("CustomerMetadataProperties", {}).get("Dataset")
    if place is None:
        raise UsageError(
            f"{package.arn} does not say how raw rows are treated; give features with --as-is, "
            f"or run the task again: trainyard run {package.group}"
        )
    return RemoteObjects(service).read_json(f"{place.rstrip('/')}/treatment.json")


def _run(
    service: Clients, package: Package, data: Path, kind: str, output: Path, accept: str = ""
) -> dict[str, Any]:
    sagemaker, s3 = service.sagemaker, service.s3
    template = _template(sagemaker, package)
    if accept:
        template = {**template, "TransformOutput": {**template["TransformOutput"], "Accept": accept}}
    name = f"predict-{package.group[:30].rstrip('-')}-{uuid.uuid4().hex[:12]}"
    prefix = f"predictions/{package.group}/{name}"
    s3.upload_file(str(data), package.bucket, f"{prefix}/input/{data.name}")
    place = f"s3://{package.bucket}/{prefix}"
    sagemaker.create_transform_job(**_request(template, name, place, kind))
    job = _ended(sagemaker, name)
    if job["TransformJobStatus"] == "Completed":
        s3.download_file(package.bucket, f"{prefix}/output/{data.name}.out", str(output))
    return job


def _request(template: dict[str, Any], name: str, place: str, kind: str) -> dict[str, Any]:
    """Return the request of the job that tested the model, for other data."""
    output = template["TransformOutput"]
    kept = ("ModelName", "TransformResources", "BatchStrategy", "Environment", "MaxPayloadInMB")
    return {
        **{member: template[member] for member in kept if template.get(member)},
        "TransformJobName": name,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{place}/input/"}},
            "ContentType": kind,
            "SplitType": _SPLITS.get(kind, "None"),
        },
        "TransformOutput": {
            **{
                member: output[member]
                for member in ("Accept", "AssembleWith", "KmsKeyId")
                if output.get(member)
            },
            "S3OutputPath": f"{place}/output",
        },
    }


def _template(sagemaker: Any, package: Package) -> dict[str, Any]:
    """Return the description of the pipeline's own transform job of this model.

    Its model, role, instance type and keys are those that the task's definition asks for.
    """
    for job in _jobs_of(sagemaker, package.algorithm):
        if _model_data(sagemaker, job["ModelName"]) == package.container["ModelDataUrl"]:
            return job
    raise UsageError(
        f"no transform job of a pipeline with the model of {package.arn} is left; "
        f"run the task again: trainyard run {package.group}"
    )


def _jobs_of(sagemaker: Any, algorithm: str) -> Iterator[dict[str, Any]]:
    from itertools import islice

    from serving.api import pages

    # A job's name holds as much of its step's name as fits; all algorithms differ in this much of it.
    named = f"Transform-{algorithm}"[:20]
    listed = pages(sagemaker.list_transform_jobs, "TransformJobSummaries", NameContains=named)
    for entry in islice(listed, _LOOKED_AT):
        yield sagemaker.describe_transform_job(TransformJobName=entry["TransformJobName"])


def _model_data(sagemaker: Any, name: str) -> str | None:
    from serving.api import found

    model = found(sagemaker.describe_model, ModelName=name) or {}
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    url: str | None = containers[0].get("ModelDataUrl")
    return url


def _ended(sagemaker: Any, name: str) -> dict[str, Any]:
    from serving.api import seconds_from_now

    deadline = seconds_from_now(_JOB_SECONDS)
    while True:
        job: dict[str, Any] = sagemaker.describe_transform_job(TransformJobName=name)
        if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped"):
            return job
        if not deadline.pause():
            raise UsageError(f"transform job {name} has not ended within a day; it goes on")
