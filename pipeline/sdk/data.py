"""The steps that run the project's own code: Convert, Inspect, Evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep, TransformStep

from pipeline.sdk.offline import location, role
from pipeline.sdk.settings import (
    CACHE,
    DATASET,
    EVALUATION,
    KEY,
    MAX_SECONDS,
    PROCESSING_NETWORK,
    VOLUME_GB,
    Site,
    job_retries,
    output_of,
)
from pipeline.tasks import Task

_JOB = "/opt/ml/processing"

# An S3Prefix takes in every key that begins with it: a location `…/test_labels` would be read with `…/test`.
_LOCATIONS = {"test_labels": "labels"}


def convert(site: Site) -> ProcessingStep:
    """Raw data → channels, labels apart, and what the data turned out to be like."""
    return _processing_step(
        site,
        "Convert",
        module="data_conversion",
        inputs={"raw": site.parameters.raw_data},
        outputs=_channels(site.task),
        arguments=[
            *site.task.convert_arguments,
            *("--content-type", site.task.content_type),
            *("--split", site.parameters.split),
        ],
        property_files=[DATASET],
    )


def inspect(site: Site, converted: ProcessingStep) -> ProcessingStep:
    """Channels → the figures and samples that the report draws."""
    return _processing_step(
        site,
        "Inspect",
        module="data_inspection",
        inputs={name: output_of(converted, name) for name in _channels(site.task)},
        outputs=["inspection"],
    )


def evaluate(
    site: Site, converted: ProcessingStep, transforms: Mapping[str, TransformStep]
) -> ProcessingStep:
    """Labels and all candidates' predictions → metrics and the champion."""
    predictions = {
        f"predictions/{name}": step.properties.TransformOutput.S3OutputPath
        for name, step in transforms.items()
    }
    return _processing_step(
        site,
        "Evaluate",
        module="evaluation",
        inputs={
            **{name: output_of(converted, name) for name in ("test", "test_labels", "dataset")},
            **predictions,
        },
        outputs=["evaluation"],
        arguments=[
            *("--problem", site.task.problem),
            *("--metric", site.task.metric),
            *("--candidates", *transforms),
        ],
        property_files=[EVALUATION],
    )


def _channels(task: Task) -> list[str]:
    return ["train", *(["validation"] if task.validation else []), "test", "test_labels", "dataset"]


def _processing_step(
    site: Site,
    name: str,
    *,
    module: str,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    arguments: Sequence[str] = (),
    property_files: Sequence[PropertyFile] = (),
) -> ProcessingStep:
    """Return a step that runs `processing.<module>` in SageMaker's scikit-learn image.

    Inputs and outputs are folders of these names below /opt/ml/processing/input and …/output.
    """
    processor = Processor(
        role=role(f"{name}RoleArn"),
        image_uri="${ScikitLearnImage}",
        entrypoint=["python3", "-m", f"processing.{module}"],
        env={"PYTHONPATH": f"{_JOB}/input/code"},
        instance_count=1,
        instance_type=site.parameters.processing_instance,
        volume_size_in_gb=VOLUME_GB,
        volume_kms_key=KEY,
        output_kms_key=KEY,
        max_runtime_in_seconds=MAX_SECONDS,
        network_config=PROCESSING_NETWORK,
        base_job_name=name.lower(),
        sagemaker_session=site.session,
    )
    code = {"code": location("ProcessingCodeUri")}
    return ProcessingStep(
        name=name,
        step_args=processor.run(
            inputs=[_input(folder, uri) for folder, uri in {**code, **inputs}.items()],
            outputs=[
                _output(folder, site.output(name, _LOCATIONS.get(folder, folder))) for folder in outputs
            ],
            arguments=list(arguments) or None,
        ),
        property_files=list(property_files),
        cache_config=CACHE,
        retry_policies=job_retries(),
    )


def _input(folder: str, uri: Any) -> ProcessingInput:
    return ProcessingInput(
        input_name=folder.replace("/", "-"),
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{_JOB}/input/{folder}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
        ),
    )


def _output(folder: str, uri: Any) -> ProcessingOutput:
    return ProcessingOutput(
        output_name=folder,
        s3_output=ProcessingS3Output(
            s3_uri=uri, local_path=f"{_JOB}/output/{folder}", s3_upload_mode="EndOfJob"
        ),
    )
