"""Transform jobs: the model's server started, the input sent in batches, its answers written to INPUT.out."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from local.arns import arn, now
from local.containers import container
from local.errors import LocalError, StepError, disk_errors, step_failure
from local.jobs.archive import unpack
from local.jobs.batches import batches
from local.jobs.job import Job, refuse

if TYPE_CHECKING:
    from local.jobs.server import Server

_MEGABYTE = 1 << 20
# What the service takes where neither the request nor /execution-parameters says otherwise.
_DEFAULTS = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 6}
_INVOCATION_SECONDS = 600
# A server names the strategies in its own way.
_STRATEGIES = {"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}


@dataclass(frozen=True)
class _Settings:
    """How the input is cut and sent."""

    concurrency: int
    strategy: str
    limit: int


def run(job: Job) -> dict[str, Any]:
    """Run a CreateTransformJob request; return what DescribeTransformJob would answer.

    Raises:
        StepError: the job failed.
        StoppedError: the execution is being stopped.

    """
    created = now()
    _refuse_unsupported(job)
    model = _model(job)
    image = container(job.containers, model["Image"], job.step)
    if not image.serve:
        raise StepError(f"ClientError: step {job.step!r}: {model['Image']} serves nothing here")
    job.prepare("model")
    _fetch_model(job, model["ModelDataUrl"])
    inputs = job.named_objects(_source(job)["S3Uri"])
    environment = {
        **model.get("Environment", {}),
        **job.request.get("Environment", {}),
        "SAGEMAKER_BATCH": "true",
    }
    timeout = job.request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", _INVOCATION_SECONDS)

    from local.jobs.server import Server  # imported here: http.client is only needed by transforms

    with job.objects.staged() as staged:
        with Server(job, image, environment, float(timeout)) as server:
            settings = _settings(job, server.execution_parameters())
            for name, item in inputs.items():
                _transform(job, server, settings, item.path, staged / f"{name}.out")
        _upload(job, staged)
    return {
        **job.request,
        "TransformJobName": job.name,
        "TransformJobArn": arn("transform-job", job.name.lower()),
        "TransformJobStatus": "Completed",
        "CreationTime": created,
        "TransformEndTime": now(),
    }


# --- the request --------------------------------------------------------------------------------------------


def _source(job: Job) -> Mapping[str, Any]:
    source: Mapping[str, Any] = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    return source


def _refuse_unsupported(job: Job) -> None:
    given = job.request["TransformInput"]
    refuse(job.step, _source(job), {"S3DataType": ("S3Prefix",)})
    refuse(
        job.step, given, {"CompressionType": (None, "None"), "SplitType": (None, "None", "Line", "RecordIO")}
    )
    refuse(job.step, job.request["TransformOutput"], {"AssembleWith": (None, "None", "Line")})
    processing = job.request.get("DataProcessing", {})
    unchanged = {"InputFilter": (None, "$"), "OutputFilter": (None, "$"), "JoinSource": (None, "None")}
    refuse(job.step, processing, unchanged)


def _model(job: Job) -> Mapping[str, Any]:
    try:
        request = json.loads(job.state.records.model(job.request["ModelName"])["request"])
    except LocalError as error:
        raise step_failure(error, f"ClientError: step {job.step!r}") from None
    listed = request.get("Containers") or [request.get("PrimaryContainer", {})]
    if len(listed) != 1 or "Image" not in listed[0] or "ModelDataUrl" not in listed[0]:
        raise StepError(
            f"ClientError: step {job.step!r}: model {job.request['ModelName']!r} needs one container with "
            "Image and ModelDataUrl to be used here"
        )
    model: Mapping[str, Any] = listed[0]
    return model


def _fetch_model(job: Job, uri: str) -> None:
    try:
        archive = job.objects.path(uri)
        if not archive.is_file():
            raise StepError(f"ClientError: step {job.step!r}: there is no model at {uri}")
        unpack(archive, job.root / "model")
    except LocalError as error:
        raise step_failure(error, f"ClientError: step {job.step!r}: model {uri}") from None


def _settings(job: Job, recommended: Mapping[str, Any]) -> _Settings:
    """Return the request's settings, else the server's recommendation, else the service's defaults."""
    chosen: dict[str, Any] = {
        name: job.request.get(name) or recommended.get(name) or value for name, value in _DEFAULTS.items()
    }
    if job.request.get("MaxPayloadInMB") == 0:
        chosen["MaxPayloadInMB"] = 0  # any size, which is not the same as no setting
    return _Settings(
        int(chosen["MaxConcurrentTransforms"]),
        _STRATEGIES.get(str(chosen["BatchStrategy"]), str(chosen["BatchStrategy"])),
        int(chosen["MaxPayloadInMB"]) * _MEGABYTE,
    )


# --- the work -----------------------------------------------------------------------------------------------


def _transform(job: Job, server: Server, settings: _Settings, source: Path, target: Path) -> None:
    given, wanted = job.request["TransformInput"], job.request["TransformOutput"]
    headers = {
        "Content-Type": given.get("ContentType", "application/octet-stream"),
        **({"Accept": wanted["Accept"]} if "Accept" in wanted else {}),
    }
    bodies = batches(source, given.get("SplitType", "None"), settings.strategy, settings.limit)
    by_line = wanted.get("AssembleWith") == "Line"
    target.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(target), target.open("wb") as output:
        for answer in _answers(server, bodies, headers, settings.concurrency):
            _write(output, answer, by_line)


def _answers(
    server: Server, bodies: Iterator[bytes], headers: Mapping[str, str], concurrency: int
) -> Iterator[bytes]:
    """Yield the answers in the order of the bodies, with at most twice `concurrency` of them in memory."""
    if concurrency == 1:
        yield from (server.invoke(body, headers) for body in bodies)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(concurrency) as pool:
        waiting: deque[Future[bytes]] = deque()
        try:
            for body in bodies:
                waiting.append(pool.submit(server.invoke, body, headers))
                if len(waiting) >= 2 * concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for unwanted in waiting:
                unwanted.cancel()


def _write(output: BinaryIO, answer: bytes, by_line: bool) -> None:
    output.write(answer)
    if by_line and not answer.endswith(b"\n"):
        output.write(b"\n")


def _upload(job: Job, staged: Path) -> None:
    try:
        job.objects.move_tree(staged, job.request["TransformOutput"]["S3OutputPath"])
    except LocalError as error:
        raise step_failure(error, f"ClientError: step {job.step!r}: failed to upload output") from None
