"""Processing jobs: inputs copied in, the entry point run, outputs given to the object store at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.arns import arn, now
from local.containers import container
from local.errors import LocalError, StepError, step_failure
from local.jobs.job import Job, refuse

_CONFIG_FOLDER = "config"
_MESSAGE = "output/message"


def run(job: Job) -> dict[str, Any]:
    """Run a CreateProcessingJob request; return what DescribeProcessingJob would answer.

    Raises:
        StepError: the job failed.
        StoppedError: the execution is being stopped.

    """
    created = now()
    application = job.request["AppSpecification"]
    image = container(job.containers, application["ImageUri"], job.step)
    if not image.processing or not application.get("ContainerEntrypoint"):
        raise StepError(
            f"ClientError: step {job.step!r}: image {application['ImageUri']} has no entry point of its own "
            "here; give ContainerEntrypoint, and an image for processing"
        )
    job.prepare("processing", _CONFIG_FOLDER)
    for item in job.request.get("ProcessingInputs", []):
        _download(job, item)
    outputs = _outputs(job)
    for item in outputs:
        job.local(item["LocalPath"]).mkdir(parents=True, exist_ok=True)
    _write_config(job)
    command = [*application["ContainerEntrypoint"], *map(str, application.get("ContainerArguments", []))]
    job.run(command, {**image.environment, **job.request.get("Environment", {})}, _MESSAGE)
    for item in outputs:
        _upload(job, item)
    return _description(job, created)


def _download(job: Job, item: Mapping[str, Any]) -> None:
    if "S3Input" not in item:
        raise StepError(
            f"ClientError: step {job.step!r}: input {item['InputName']!r} is no S3Input, "
            "the only kind supported here"
        )
    source = item["S3Input"]
    refuse(
        job.step,
        source,
        {
            "S3DataType": (None, "S3Prefix"),
            "S3InputMode": (None, "File"),
            "S3CompressionType": (None, "None"),
        },
    )
    job.download(source["S3Uri"], job.local(source["LocalPath"]))


def _outputs(job: Job) -> list[Mapping[str, Any]]:
    listed = job.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [item["S3Output"] for item in listed if "S3Output" in item]


def _upload(job: Job, output: Mapping[str, Any]) -> None:
    try:
        job.objects.take_tree(job.local(output["LocalPath"]), output["S3Uri"])
    except LocalError as error:
        raise step_failure(error, f"ClientError: step {job.step!r}: failed to upload output") from None


def _write_config(job: Job) -> None:
    folder = job.root / _CONFIG_FOLDER
    request = {
        **job.request,
        "ProcessingJobName": job.name,
        "ProcessingJobArn": arn("processing-job", job.name.lower()),
    }
    (folder / "processingjobconfig.json").write_text(json.dumps(request))
    (folder / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))


def _description(job: Job, created: str) -> dict[str, Any]:
    message = job.root / _MESSAGE
    said = {"ExitMessage": message.read_text(errors="replace").strip()} if message.is_file() else {}
    return {
        **job.request,
        **said,
        "ProcessingJobName": job.name,
        "ProcessingJobArn": arn("processing-job", job.name.lower()),
        "ProcessingJobStatus": "Completed",
        "CreationTime": created,
        "ProcessingEndTime": now(),
    }
