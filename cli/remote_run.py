"""`trainyard run` through the API: of `trainyard up` on this machine, or of AWS."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError

if TYPE_CHECKING:
    from cli.client import Clients
    from cli.remote import Remote
    from local.executor import OnEvent

RAW_DATA = "RawData"

_CHUNK = 1 << 20


def start(
    service: Clients,
    pipeline: str,
    definition: Mapping[str, Any],
    values: dict[str, str],
    data: Path | None,
) -> str:
    """Start a pipeline and return the execution's ARN.

    Args:
        service: the API.
        pipeline: its name.
        definition: what it runs by, filled in.
        values: parameter → text.
        data: raw file or folder to upload; None where RawData is given or the default is meant.

    Raises:
        DefinitionError: a parameter is unknown or has a wrong value; nothing was uploaded.

    """
    from pipeline.definition import resolve_parameters

    resolve_parameters(definition, values)
    if data is not None:
        values = {**values, RAW_DATA: upload(service, data, raw_bucket(definition))}
    answer = service.sagemaker.start_pipeline_execution(
        PipelineName=pipeline,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in values.items()],
    )
    arn: str = answer["PipelineExecutionArn"]
    return arn


def follow(remote: Remote, arn: str, on_event: OnEvent) -> None:
    """Tell what happens until the execution is over. An interrupt leaves it running."""
    from cli.following import follow as until_over

    until_over(lambda: remote.outline(arn), on_event)


# --- the pipeline -------------------------------------------------------------------------------------------


def deployed(service: Clients, task: str) -> tuple[str, dict[str, Any]]:
    """Return the name and definition of the pipeline that runs a task.

    Raises:
        UsageError: there is none, or there are several.

    """
    from serving.api import pages

    sagemaker = service.sagemaker
    names = [entry["PipelineName"] for entry in pages(sagemaker.list_pipelines, "PipelineSummaries")]
    fitting = [task] if task in names else sorted(name for name in names if name.endswith(f"-{task}"))
    if not fitting:
        raise UsageError(f"no pipeline of task {task!r} is deployed; `make deploy` does it")
    if len(fitting) > 1:
        raise UsageError(f"several pipelines run {task}; name one of {', '.join(fitting)}")
    answer = sagemaker.describe_pipeline(PipelineName=fitting[0])
    return fitting[0], json.loads(answer["PipelineDefinition"])


# --- raw data -----------------------------------------------------------------------------------------------


def upload(service: Clients, path: Path, bucket: str) -> str:
    """Put raw data below a prefix named by its content, and return its URI.

    The same data has the same URI, by which the step cache knows it.
    """
    files = [(path, path.name)] if path.is_file() else _files(path)
    prefix = f"raw/{_digest(files)}"
    s3 = service.s3
    for file, name in files:
        s3.upload_file(str(file), bucket, f"{prefix}/{name}")
    return f"s3://{bucket}/{prefix}/{files[0][1] if path.is_file() else ''}"


def _files(folder: Path) -> list[tuple[Path, str]]:
    from local.objects import regular_files

    return [(file, file.relative_to(folder).as_posix()) for file in regular_files(folder)]


def _digest(files: list[tuple[Path, str]]) -> str:
    digest = hashlib.sha256()
    for file, name in files:
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as reader:
            while data := reader.read(_CHUNK):
                digest.update(data)
    return digest.hexdigest()


def raw_bucket(definition: Mapping[str, Any]) -> str:
    """Return the bucket in which a pipeline looks for raw data, from its parameter's default."""
    for parameter in definition["Parameters"]:
        if parameter["Name"] == RAW_DATA:
            bucket: str = parameter["DefaultValue"].removeprefix("s3://").partition("/")[0]
            return bucket
    raise UsageError(f"the pipeline has no parameter {RAW_DATA}; set its data with --set")
