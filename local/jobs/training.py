"""Training jobs: configuration and channels in, a model archive out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.arns import arn, now
from local.containers import Container, container
from local.errors import LocalError, StepError, step_failure
from local.jobs.archive import pack
from local.jobs.job import Job, refuse
from local.jobs.metrics import final_metrics
from local.jobs.pipe import Feeder

_FAILURE = "output/failure"


def run(job: Job) -> dict[str, Any]:
    """Run a CreateTrainingJob request; return what DescribeTrainingJob would answer.

    Raises:
        StepError: the job failed.
        StoppedError: the execution is being stopped.

    """
    created = now()
    algorithm = job.request["AlgorithmSpecification"]
    image = container(job.containers, algorithm.get("TrainingImage", ""), job.step)
    if not image.train:
        raise StepError(f"ClientError: step {job.step!r}: {algorithm['TrainingImage']} trains nothing here")
    refuse(job.step, job.request["OutputDataConfig"], {"CompressionType": (None, "GZIP")})
    job.prepare("input/config", "input/data", "model", "output/data", "checkpoints")
    _write_config(job)
    _train(job, image)
    metrics = final_metrics(job.log, algorithm.get("MetricDefinitions", []))
    return {
        **job.request,
        "TrainingJobName": job.name,
        "TrainingJobArn": arn("training-job", job.name.lower()),
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": _upload(job)},
        "FinalMetricDataList": metrics,
        "CreationTime": created,
        "TrainingEndTime": now(),
    }


def _train(job: Job, image: Container) -> None:
    feeders: list[Feeder] = []
    try:
        for channel in _channels(job):
            _open_channel(job, channel, feeders)
        identity = {"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": arn("training-job", job.name.lower())}
        environment = {**image.environment, **identity, **job.request.get("Environment", {})}
        job.run(image.train, environment, _FAILURE)
    finally:
        for feeder in feeders:
            feeder.close()
    for feeder in feeders:
        if feeder.error:
            raise StepError(f"InternalServerError: step {job.step!r}: a channel broke off: {feeder.error}")


# --- channels -----------------------------------------------------------------------------------------------


def _channels(job: Job) -> list[Mapping[str, Any]]:
    listed: list[Mapping[str, Any]] = job.request.get("InputDataConfig", [])
    return listed


def _input_mode(job: Job, channel: Mapping[str, Any]) -> str:
    """Return the channel's own mode, else the algorithm's; FastFile looks like File to a container."""
    mode = str(
        channel.get("InputMode") or job.request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    )
    return "File" if mode == "FastFile" else mode


def _open_channel(job: Job, channel: Mapping[str, Any], feeders: list[Feeder]) -> None:
    source = channel["DataSource"].get("S3DataSource", {})
    refuse(job.step, source, {"S3DataType": ("S3Prefix",)})
    refuse(
        job.step,
        channel,
        {"CompressionType": (None, "None"), "RecordWrapperType": (None, "None"), "ShuffleConfig": (None,)},
    )
    folder = job.root / "input" / "data"
    if _input_mode(job, channel) == "Pipe":
        files = [item.path for item in job.named_objects(source["S3Uri"]).values()]
        feeders.append(Feeder(folder, channel["ChannelName"], files))
    else:
        job.download(source["S3Uri"], folder / channel["ChannelName"])


# --- configuration ------------------------------------------------------------------------------------------


def _write_config(job: Job) -> None:
    resources = job.request.get("ResourceConfig", {})
    hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"}
    documents = {
        "hyperparameters": job.request.get("HyperParameters", {}),
        "inputdataconfig": {
            channel["ChannelName"]: _channel_config(job, channel) for channel in _channels(job)
        },
        "resourceconfig": {**hosts, "current_instance_type": resources.get("InstanceType", "local")},
    }
    folder = job.root / "input" / "config"
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def _channel_config(job: Job, channel: Mapping[str, Any]) -> dict[str, str]:
    content = {"ContentType": channel["ContentType"]} if "ContentType" in channel else {}
    source = channel["DataSource"].get("S3DataSource", {})
    return {
        **content,
        "TrainingInputMode": _input_mode(job, channel),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": "None",
    }


# --- results ------------------------------------------------------------------------------------------------


def _upload(job: Job) -> str:
    """Put the model (and what else the job left) into the object store; return the model's URI."""
    base = f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
    _pack(job, "model", f"{base}/model.tar.gz")
    if any((job.root / "output" / "data").iterdir()):
        _pack(job, "output/data", f"{base}/output.tar.gz")
    return f"{base}/model.tar.gz"


def _pack(job: Job, folder: str, uri: str) -> None:
    try:
        with job.objects.staged() as staged:
            pack(job.root / folder, staged)
            job.objects.move(staged, uri)
    except LocalError as error:
        raise step_failure(error, f"ClientError: step {job.step!r}: failed to upload the {folder}") from None
