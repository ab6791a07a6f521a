"""The steps of one candidate: Train, CreateModel, Transform, Register."""

from __future__ import annotations

from typing import Any

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.shapes import Channel, DataSource, OutputDataConfig, S3DataSource, StoppingCondition
from sagemaker.core.training.configs import Compute
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

from pipeline.sdk.offline import role
from pipeline.sdk.settings import (
    CACHE,
    DATASET,
    INSTANCE_TYPE,
    KEY,
    MAX_SECONDS,
    MODEL_NETWORK,
    TRAINING_NETWORK,
    VOLUME_GB,
    Site,
    job_retries,
    output_of,
    service_retries,
)
from pipeline.tasks import ALGORITHMS, RECORDIO, Candidate, pascal_case

# Registered with each model package: the types on which an endpoint or a transform may be asked for.
_INFERENCE_INSTANCES = ["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.large", "ml.c5.xlarge"]
_TRANSFORM_INSTANCES = ["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge"]


def train(site: Site, candidate: Candidate, converted: ProcessingStep) -> TrainingStep:
    """Train and validation channels → model.tar.gz."""
    trainer = ModelTrainer(
        training_image=_image(candidate),
        training_input_mode=candidate.input_mode,
        hyperparameters=_hyperparameters(site, candidate),
        role=role(f"{pascal_case(candidate.algorithm)}TrainingRoleArn"),
        base_job_name=candidate.name,
        compute=Compute(
            instance_type=site.parameters.training_instance,
            instance_count=1,
            volume_size_in_gb=VOLUME_GB,
            volume_kms_key_id=KEY,
        ),
        networking=TRAINING_NETWORK,
        stopping_condition=StoppingCondition(max_runtime_in_seconds=MAX_SECONDS),
        output_data_config=OutputDataConfig(
            s3_output_path=site.output(f"Train-{candidate.name}"), kms_key_id=KEY
        ),
        sagemaker_session=site.session,
    )
    names = ["train", *(["validation"] if candidate.validation else [])]
    channels = [_channel(site, candidate, name, output_of(converted, name)) for name in names]
    return TrainingStep(
        name=f"Train-{candidate.name}",
        step_args=trainer.train(input_data_config=channels),
        cache_config=CACHE,
        retry_policies=job_retries(),
    )


def _hyperparameters(site: Site, candidate: Candidate) -> dict[str, Any]:
    """Return what the algorithm is told: all of it text, as the training API wants it."""
    settings = {
        name: site.parameters.hyperparameters[candidate.parameter(name)].to_string()
        for name in candidate.settings
    }
    # Found in the data, so that one definition serves images of 8 by 8 and of 28 by 28 pixels.
    found = {
        name: JsonGet(step_name="Convert", property_file=DATASET, json_path=f"hyperparameters.{name}")
        for name in candidate.from_dataset
    }
    return {"predictor_type": candidate.predictor_type, **settings, **found}


def _channel(site: Site, candidate: Candidate, name: str, uri: Any) -> Channel:
    # A Channel in full: of a bare URI the SDK makes one whose InputMode is File, over the job's Pipe.
    source = S3DataSource(s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type="FullyReplicated")
    return Channel(
        channel_name=name,
        content_type=candidate.train_content_type or site.task.content_type,
        input_mode=candidate.input_mode,
        data_source=DataSource(s3_data_source=source),
    )


def create_model(site: Site, candidate: Candidate, trained: TrainingStep) -> ModelStep:
    """model.tar.gz → a model that a transform job can name."""
    arguments = _model(site, candidate, trained).build()
    del arguments.create_model_request["PrimaryContainer"]["Environment"]
    return ModelStep(
        name=f"CreateModel-{candidate.name}", step_args=arguments, retry_policies=service_retries()
    )


def transform(site: Site, candidate: Candidate, model: ModelStep, converted: ProcessingStep) -> TransformStep:
    """Test channel → one JSON line of prediction per row."""
    transformer = Transformer(
        model_name=model.properties.ModelName,
        instance_count=1,
        instance_type=site.parameters.transform_instance,
        strategy="MultiRecord",
        accept="application/jsonlines",
        assemble_with="Line",
        output_path=site.output(f"Transform-{candidate.name}"),
        output_kms_key=KEY,
        volume_kms_key=KEY,
        base_transform_job_name=candidate.name,
        sagemaker_session=site.session,
    )
    return TransformStep(
        name=f"Transform-{candidate.name}",
        step_args=transformer.transform(
            data=output_of(converted, "test"),
            content_type=site.task.content_type,
            split_type="RecordIO" if site.task.content_type == RECORDIO else "Line",
        ),
        cache_config=CACHE,
        retry_policies=job_retries(),
    )


def register(
    site: Site,
    candidate: Candidate,
    trained: TrainingStep,
    converted: ProcessingStep,
    evaluated: ProcessingStep,
) -> ModelStep:
    """Add a version to the task's model package group, this candidate's metrics attached.

    Its metadata say where the treatment is that made its features of raw rows.
    """
    metrics = Join(on="/", values=[output_of(evaluated, "evaluation"), candidate.name, "evaluation.json"])
    arguments = _model(site, candidate, trained).register(
        model_package_group_name="${ModelPackageGroupName}",
        content_types=[*ALGORITHMS[candidate.algorithm].formats, "application/json"],
        response_types=["application/json", "application/jsonlines"],
        inference_instances=_INFERENCE_INSTANCES,
        transform_instances=_TRANSFORM_INSTANCES,
        approval_status=site.parameters.approval_status,
        customer_metadata_properties={"Dataset": output_of(converted, "dataset")},
        model_metrics=ModelMetrics(
            model_statistics=MetricsSource(content_type="application/json", s3_uri=metrics)
        ),
    )
    _strip(arguments.create_model_package_request)
    return ModelStep(name=f"Register-{candidate.name}", step_args=arguments, retry_policies=service_retries())


def _model(site: Site, candidate: Candidate, trained: TrainingStep) -> ModelBuilder:
    return ModelBuilder(
        image_uri=_image(candidate),
        s3_model_data_url=trained.properties.ModelArtifacts.S3ModelArtifacts,
        role_arn=role(f"{pascal_case(candidate.algorithm)}ModelRoleArn"),
        network=MODEL_NETWORK,
        # Named so that the SDK does not go and choose one; no request here says it.
        instance_type=INSTANCE_TYPE,
        sagemaker_session=site.session,
    )


def _strip(request: dict[str, Any]) -> None:
    """Take out what the SDK writes into a registration unasked.

    Empty metric groups (Bias, Explainability), and the environment of framework containers: the built-in
    images read none of it, and it names the region of the machine that compiled the definition.
    """
    for container in request["InferenceSpecification"]["Containers"]:
        del container["Environment"]
    request["ModelMetrics"] = {name: value for name, value in request["ModelMetrics"].items() if value}


def _image(candidate: Candidate) -> str:
    return f"${{{pascal_case(candidate.algorithm)}Image}}"
