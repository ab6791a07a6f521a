"""Pipelines written with the SageMaker Python SDK v3: the only module that imports it.

Importing it takes about ten seconds and needs a default region in the environment; `pipeline.compile` runs it
in a child process whose environment names neither an account nor a network.

Names of the place where the pipeline will run (roles, buckets, keys, subnets, images) are written as
`${Name}`, for CloudFormation's `Fn::Sub` on AWS and for `pipeline.definition.fill` here.

What the service refuses although the SDK writes it, and is therefore avoided (aws/sagemaker-python-sdk):

- #3463, #4418: the path of a JsonGet must be plain text, never a parameter or a Join. So the evaluation
  decides which figure counts and writes it at one fixed path, `champion.value`.
- #2746: `ConditionNot` was refused for its property names. So the contrary case is an ElseSteps branch, and
  the only conditions used are Equals and GreaterThanOrEqualTo.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    Channel,
    DataSource,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    S3DataSource,
    StoppingCondition,
)
from sagemaker.core.telemetry import telemetry_logging
from sagemaker.core.training.configs import Compute, Networking
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.conditions import ConditionEquals, ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

from pipeline.tasks import ALGORITHMS, CATALOGUE, RECORDIO, Candidate, Task, Value, pascal_case

JOB = "/opt/ml/processing"
RECORD_SPLIT = {RECORDIO: "RecordIO"}

INSTANCE_TYPE = "ml.m5.xlarge"
# Registered with each model package: the types on which an endpoint or a transform may be asked for.
INFERENCE_INSTANCES = ["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.large", "ml.c5.xlarge"]
TRANSFORM_INSTANCES = ["ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge"]
VOLUME_GB = 30
MAX_SECONDS = 3600

SUBNETS = ["${SubnetIdA}", "${SubnetIdB}"]
SECURITY_GROUPS = ["${SecurityGroupId}"]
KEY = "${DataKeyArn}"

# The SDK looks a role up in IAM unless it is an ARN, and uploads an input that does not begin with s3:// as a
# local file. So these are disguised until the definition is written: PREFIX + Name becomes ${Name}.
_ROLE = "arn:aws:iam::000000000000:role/"
_PREFIX = "s3://placeholder/"

CACHE = CacheConfig(enable_caching=True, expire_after="P30D")


class OfflineSession(PipelineSession):  # type: ignore[misc] # the SDK is untyped
    """A pipeline session that asks for no bucket, reads no settings and sends no telemetry."""

    def __init__(self) -> None:
        super().__init__()
        # The documented opt-out from telemetry is a setting, but any setting at all makes the SDK validate
        # them some 75 times a pipeline, three times as long as the rest. So there are none, and the sender
        # is replaced.
        self.sagemaker_config: dict[str, Any] = {}
        if not hasattr(telemetry_logging, "_send_telemetry_request"):
            raise RuntimeError("this SageMaker SDK sends telemetry in another way; adapt OfflineSession")
        telemetry_logging._send_telemetry_request = _send_nothing

    def default_bucket(self) -> str:
        """Return a name that must not be seen in a definition: each output location is given in full."""
        return "no-default-bucket"


def _send_nothing(*_: object, **__: object) -> None:
    """Stand in for the SDK's sender of telemetry."""


def get_pipeline(task: Task, session: PipelineSession | None = None) -> Pipeline:
    """Build the pipeline that turns a task's raw data into a registered model.

    Convert → Inspect; for each candidate Train → CreateModel → Transform of the test channel; Evaluate;
    then the champion is registered if its figure reaches MinF1, else the execution fails and says so.

    Args:
        task: an entry of `pipeline.tasks.CATALOGUE`, or one of your own.
        session: a pipeline session; by default one that touches no network.

    """
    return _Builder(task, session or OfflineSession()).pipeline()


class _Builder:
    """The steps of one task's pipeline, and what they have in common."""

    def __init__(self, task: Task, session: PipelineSession) -> None:
        self.task = task
        self.session = session
        self.raw_data = ParameterString("RawData", f"s3://${{RawDataBucket}}/{task.name}/")
        self.processing_instance = ParameterString("ProcessingInstanceType", INSTANCE_TYPE)
        self.training_instance = ParameterString("TrainingInstanceType", INSTANCE_TYPE)
        self.transform_instance = ParameterString("TransformInstanceType", INSTANCE_TYPE)
        self.min_f1 = ParameterFloat("MinF1", task.min_f1)
        self.approval_status = ParameterString(
            "ApprovalStatus",
            "PendingManualApproval",
            enum_values=["PendingManualApproval", "Approved", "Rejected"],
        )
        self.hyperparameters = {
            candidate.parameter(name): _parameter(candidate.parameter(name), default)
            for candidate in task.candidates
            for name, default in candidate.settings.items()
        }
        self.dataset = PropertyFile(name="Dataset", output_name="dataset", path="dataset.json")
        self.evaluation = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")

    def pipeline(self) -> Pipeline:
        convert = self.convert()
        trainings = {c.name: self.train(c, convert) for c in self.task.candidates}
        models = {c.name: self.create_model(c, trainings[c.name]) for c in self.task.candidates}
        transforms = {c.name: self.transform(c, models[c.name], convert) for c in self.task.candidates}
        evaluate = self.evaluate(convert, transforms)
        return Pipeline(
            name=self.task.name,
            parameters=[
                self.raw_data,
                self.processing_instance,
                self.training_instance,
                self.transform_instance,
                self.min_f1,
                self.approval_status,
                *self.hyperparameters.values(),
            ],
            steps=[
                convert,
                self.inspect(convert),
                *trainings.values(),
                *models.values(),
                *transforms.values(),
                evaluate,
                self.check_quality(evaluate, trainings),
            ],
            # The default would create an experiment per pipeline, which no step here reports to.
            pipeline_experiment_config=None,
            sagemaker_session=self.session,
        )

    # --- data ---------------------------------------------------------------------------------------

    def convert(self) -> ProcessingStep:
        """Raw data → channels, labels apart, and what the data turned out to be like."""
        outputs = [
            "train",
            *(["validation"] if self.task.validation else []),
            "test",
            "test_labels",
            "dataset",
        ]
        return self._processing_step(
            "Convert",
            module="data_conversion",
            inputs={"raw": self.raw_data},
            outputs=outputs,
            arguments=[*self.task.convert_arguments, "--content-type", self.task.content_type],
            property_files=[self.dataset],
        )

    def inspect(self, convert: ProcessingStep) -> ProcessingStep:
        """Channels → the figures and samples that the report draws."""
        channels = [
            "train",
            *(["validation"] if self.task.validation else []),
            "test",
            "test_labels",
            "dataset",
        ]
        return self._processing_step(
            "Inspect",
            module="data_inspection",
            inputs={channel: _output(convert, channel) for channel in channels},
            outputs=["inspection"],
            arguments=[],
        )

    def evaluate(self, convert: ProcessingStep, transforms: dict[str, TransformStep]) -> ProcessingStep:
        """Labels and all candidates' predictions → metrics and the champion."""
        predictions = {
            f"predictions/{name}": step.properties.TransformOutput.S3OutputPath
            for name, step in transforms.items()
        }
        return self._processing_step(
            "Evaluate",
            module="evaluation",
            inputs={
                **{channel: _output(convert, channel) for channel in ("test", "test_labels", "dataset")},
                **predictions,
            },
            outputs=["evaluation"],
            arguments=[
                "--problem",
                self.task.problem,
                "--metric",
                self.task.metric,
                "--candidates",
                *(candidate.name for candidate in self.task.candidates),
            ],
            property_files=[self.evaluation],
        )

    def _processing_step(
        self,
        name: str,
        *,
        module: str,
        inputs: dict[str, Any],
        outputs: list[str],
        arguments: list[str],
        property_files: list[PropertyFile] | None = None,
    ) -> ProcessingStep:
        """Return a step that runs `processing.<module>` in SageMaker's scikit-learn image.

        Inputs and outputs are folders below /opt/ml/processing/input and …/output that bear these names. The
        job itself has no network: the platform moves its inputs and outputs.
        """
        processor = Processor(
            role=_role(f"{name}RoleArn"),
            image_uri="${ScikitLearnImage}",
            instance_count=1,
            instance_type=self.processing_instance,
            entrypoint=["python3", "-m", f"processing.{module}"],
            env={"PYTHONPATH": f"{JOB}/input/code"},
            volume_size_in_gb=VOLUME_GB,
            volume_kms_key=KEY,
            output_kms_key=KEY,
            max_runtime_in_seconds=MAX_SECONDS,
            base_job_name=name.lower(),
            sagemaker_session=self.session,
            network_config=NetworkConfig(
                enable_network_isolation=True,
                subnets=SUBNETS,
                security_group_ids=SECURITY_GROUPS,
                encrypt_inter_container_traffic=True,
            ),
        )
        return ProcessingStep(
            name=name,
            step_args=processor.run(
                inputs=[
                    _input(folder, uri)
                    for folder, uri in {"code": f"{_PREFIX}ProcessingCodeUri", **inputs}.items()
                ],
                outputs=[self._output_to(name, folder) for folder in outputs],
                arguments=arguments or None,
            ),
            property_files=property_files,
            cache_config=CACHE,
            retry_policies=_job_retries(),
        )

    def _output_to(self, step: str, folder: str) -> ProcessingOutput:
        return ProcessingOutput(
            output_name=folder,
            s3_output=ProcessingS3Output(
                s3_uri=self._location(step, folder),
                local_path=f"{JOB}/output/{folder}",
                s3_upload_mode="EndOfJob",
            ),
        )

    def _location(self, *below: str) -> Join:
        """Return a place of this execution's own: s3://bucket/task/execution/step/…."""
        root = f"s3://${{ArtifactBucket}}/{self.task.name}"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, *below])

    # --- candidates ---------------------------------------------------------------------------------

    def train(self, candidate: Candidate, convert: ProcessingStep) -> TrainingStep:
        """Train and validation channels → model.tar.gz."""
        channels = ["train", *(["validation"] if candidate.validation else [])]
        trainer = ModelTrainer(
            training_image=_image(candidate),
            training_input_mode=candidate.input_mode,
            hyperparameters=self._hyperparameters(candidate),
            role=_role(f"{pascal_case(candidate.algorithm)}TrainingRoleArn"),
            base_job_name=candidate.name,
            compute=Compute(
                instance_type=self.training_instance,
                instance_count=1,
                volume_size_in_gb=VOLUME_GB,
                volume_kms_key_id=KEY,
            ),
            networking=Networking(
                subnets=SUBNETS,
                security_group_ids=SECURITY_GROUPS,
                enable_network_isolation=True,
                enable_inter_container_traffic_encryption=True,
            ),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=MAX_SECONDS),
            output_data_config=OutputDataConfig(
                s3_output_path=self._location(f"Train-{candidate.name}"), kms_key_id=KEY
            ),
            sagemaker_session=self.session,
        )
        return TrainingStep(
            name=f"Train-{candidate.name}",
            step_args=trainer.train(
                input_data_config=[
                    self._channel(candidate, name, _output(convert, name)) for name in channels
                ]
            ),
            cache_config=CACHE,
            retry_policies=_job_retries(),
        )

    def _hyperparameters(self, candidate: Candidate) -> dict[str, Any]:
        """Return what the algorithm is told: all text, as the training API wants it."""
        return {
            "predictor_type": candidate.predictor_type,
            **{
                name: self.hyperparameters[candidate.parameter(name)].to_string()
                for name in candidate.settings
            },
            # From the data, so that one definition serves images of 8 by 8 and of 28 by 28 pixels.
            **{
                name: JsonGet(
                    step_name="Convert", property_file=self.dataset, json_path=f"hyperparameters.{name}"
                )
                for name in candidate.from_dataset
            },
        }

    def _channel(self, candidate: Candidate, name: str, uri: Any) -> Channel:
        # A Channel in full: of a bare URI the SDK makes one whose InputMode is File, over the job's Pipe.
        return Channel(
            channel_name=name,
            content_type=candidate.train_content_type or self.task.content_type,
            input_mode=candidate.input_mode,
            data_source=DataSource(
                s3_data_source=S3DataSource(
                    s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type="FullyReplicated"
                )
            ),
        )

    def create_model(self, candidate: Candidate, training: TrainingStep) -> ModelStep:
        """model.tar.gz → a model that a transform job can name."""
        arguments = self._model(candidate, training).build()
        _strip_empty(arguments.create_model_request)
        return ModelStep(
            name=f"CreateModel-{candidate.name}", step_args=arguments, retry_policies=_service_retries()
        )

    def _model(self, candidate: Candidate, training: TrainingStep) -> ModelBuilder:
        return ModelBuilder(
            image_uri=_image(candidate),
            s3_model_data_url=training.properties.ModelArtifacts.S3ModelArtifacts,
            role_arn=_role(f"{pascal_case(candidate.algorithm)}ModelRoleArn"),
            network=Networking(
                subnets=SUBNETS, security_group_ids=SECURITY_GROUPS, enable_network_isolation=True
            ),
            # Otherwise the SDK chooses one, saying so; no request here names it.
            instance_type=INSTANCE_TYPE,
            sagemaker_session=self.session,
        )

    def transform(self, candidate: Candidate, model: ModelStep, convert: ProcessingStep) -> TransformStep:
        """Test channel → one JSON line of prediction per row."""
        transformer = Transformer(
            model_name=model.properties.ModelName,
            instance_count=1,
            instance_type=self.transform_instance,
            strategy="MultiRecord",
            accept="application/jsonlines",
            assemble_with="Line",
            output_path=self._location(f"Transform-{candidate.name}"),
            output_kms_key=KEY,
            volume_kms_key=KEY,
            base_transform_job_name=candidate.name,
            sagemaker_session=self.session,
        )
        return TransformStep(
            name=f"Transform-{candidate.name}",
            step_args=transformer.transform(
                data=_output(convert, "test"),
                content_type=self.task.content_type,
                split_type=RECORD_SPLIT.get(self.task.content_type, "Line"),
            ),
            cache_config=CACHE,
            retry_policies=_job_retries(),
        )

    # --- the champion -------------------------------------------------------------------------------

    def check_quality(self, evaluate: ProcessingStep, trainings: dict[str, TrainingStep]) -> ConditionStep:
        """Register the champion when its figure reaches MinF1; else fail, and say where to look."""
        return ConditionStep(
            name="CheckQuality",
            conditions=[
                ConditionGreaterThanOrEqualTo(left=self._champion("value"), right=self.min_f1),
            ],
            if_steps=[
                ConditionStep(
                    name=f"IsChampion-{candidate.name}",
                    conditions=[ConditionEquals(left=self._champion("name"), right=candidate.name)],
                    if_steps=[self.register(candidate, evaluate, trainings[candidate.name])],
                    else_steps=[],
                )
                for candidate in self.task.candidates
            ],
            else_steps=[self.fail(evaluate)],
        )

    def _champion(self, key: str) -> JsonGet:
        return JsonGet(step_name="Evaluate", property_file=self.evaluation, json_path=f"champion.{key}")

    def register(self, candidate: Candidate, evaluate: ProcessingStep, training: TrainingStep) -> ModelStep:
        """Add a version to the task's model package group, its metrics attached."""
        arguments = self._model(candidate, training).register(
            model_package_group_name="${ModelPackageGroupName}",
            content_types=[*ALGORITHMS[candidate.algorithm].formats, "application/json"],
            response_types=["application/json", "application/jsonlines"],
            inference_instances=INFERENCE_INSTANCES,
            transform_instances=TRANSFORM_INSTANCES,
            approval_status=self.approval_status,
            model_metrics=ModelMetrics(
                model_statistics=MetricsSource(
                    content_type="application/json",
                    s3_uri=Join(
                        on="/",
                        values=[_output(evaluate, "evaluation"), candidate.name, "evaluation.json"],
                    ),
                )
            ),
        )
        _strip_empty(arguments.create_model_package_request)
        return ModelStep(
            name=f"Register-{candidate.name}", step_args=arguments, retry_policies=_service_retries()
        )

    def fail(self, evaluate: ProcessingStep) -> FailStep:
        figure = {"f1": "F1", "macro_f1": "macro F1"}[self.task.metric]
        return FailStep(
            name="QualityTooLow",
            error_message=Join(
                on="",
                values=[
                    f"No candidate reached the threshold: the best {figure} is below MinF1 = ",
                    self.min_f1,
                    ". The evaluation is at ",
                    _output(evaluate, "evaluation"),
                    "/evaluation.json",
                ],
            ),
        )


def _parameter(name: str, default: Value) -> Any:
    kind = {int: ParameterInteger, float: ParameterFloat, str: ParameterString}[type(default)]
    return kind(name, default)


def _role(placeholder: str) -> str:
    return f"{_ROLE}{placeholder}"


def _image(candidate: Candidate) -> str:
    return f"${{{pascal_case(candidate.algorithm)}Image}}"


def _input(folder: str, uri: Any) -> ProcessingInput:
    return ProcessingInput(
        input_name=folder.replace("/", "-"),
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{JOB}/input/{folder}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
        ),
    )


def _output(step: ProcessingStep, name: str) -> Any:
    """Return where a step put an output: also right when the step was served from the cache."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def _service_retries() -> list[StepRetryPolicy]:
    return [
        StepRetryPolicy(
            exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
            interval_seconds=5,
            backoff_rate=2.0,
            max_attempts=5,
        )
    ]


def _job_retries() -> list[StepRetryPolicy | SageMakerJobStepRetryPolicy]:
    return [
        *_service_retries(),
        SageMakerJobStepRetryPolicy(
            failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
            interval_seconds=10,
            backoff_rate=2.0,
            max_attempts=3,
        ),
        # Instances may be short for a while: 1, 2, 4, 8 and 16 minutes.
        SageMakerJobStepRetryPolicy(
            exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
            failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
            interval_seconds=60,
            backoff_rate=2.0,
            max_attempts=5,
        ),
    ]


def _strip_empty(request: dict[str, Any]) -> None:
    """Take out what ModelBuilder writes unasked.

    Empty metric groups (Bias, Explainability), and the environment of framework containers, which names the
    region of the machine that compiled the definition; the built-in images read none of it.
    """
    containers = request.get("InferenceSpecification", {}).get("Containers", [])
    for container in [*containers, *([request["PrimaryContainer"]] if "PrimaryContainer" in request else [])]:
        container.pop("Environment", None)
    metrics = request.get("ModelMetrics", {})
    for group in [name for name, value in metrics.items() if not value]:
        del metrics[group]


def definition(pipeline: Pipeline) -> dict[str, Any]:
    """Return the SDK's definition of a pipeline, disguised placeholders as placeholders."""
    text = re.sub(rf"(?:{_ROLE}|{_PREFIX})(\w+)", r"${\1}", pipeline.definition())
    parsed = json.loads(text)
    assert isinstance(parsed, dict)
    return parsed


def image_table() -> dict[str, dict[str, Any]]:
    """Return placeholder → repository, tag and the registry of each region, from the SDK's own data."""
    wanted = {f"{pascal_case(name)}Image": (name, "1") for name in ALGORITHMS}
    wanted["ScikitLearnImage"] = ("sklearn", "1.4-2")
    return {placeholder: _registries(*wanted[placeholder]) for placeholder in sorted(wanted)}


def _registries(framework: str, version: str) -> dict[str, Any]:
    config = image_uris.config_for_framework(framework)
    config = config.get("training", config)
    regions = config["versions"][version]["registries"]
    uris = {
        region: image_uris.retrieve(
            framework, region, version=version, instance_type=INSTANCE_TYPE, image_scope="training"
        )
        for region in sorted(regions)
    }
    names = {uri.partition("/")[2] for uri in uris.values()}
    assert len(names) == 1, f"{framework}: the image's name differs by region: {names}"
    repository, _, tag = names.pop().partition(":")
    hosts = {region: uri.partition("/")[0] for region, uri in uris.items()}
    return {"repository": repository, "tag": tag, "registries": hosts}


def main() -> None:
    """Print {"definitions": {task: definition}, "images": table} as JSON."""
    warnings.simplefilter("ignore")
    session = OfflineSession()
    json.dump(
        {
            "definitions": {
                name: definition(get_pipeline(task, session)) for name, task in CATALOGUE.items()
            },
            "images": image_table(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
