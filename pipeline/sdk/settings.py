"""What the steps of all pipelines have in common: parameters, network, key, cache, retries, locations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.network import NetworkConfig
from sagemaker.core.training.configs import Networking
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep

from pipeline.tasks import Task, Value

INSTANCE_TYPE = "ml.m5.xlarge"
VOLUME_GB = 30
MAX_SECONDS = 3600

KEY = "${DataKeyArn}"
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")

_SUBNETS = ["${SubnetIdA}", "${SubnetIdB}"]
_SECURITY_GROUPS = ["${SecurityGroupId}"]

# No container has a network: the platform moves data in and out, through the VPC. Traffic between containers
# is encrypted although each job has one instance, so that a second one needs no second thought.
PROCESSING_NETWORK = NetworkConfig(
    enable_network_isolation=True,
    subnets=_SUBNETS,
    security_group_ids=_SECURITY_GROUPS,
    encrypt_inter_container_traffic=True,
)
TRAINING_NETWORK = Networking(
    enable_network_isolation=True,
    subnets=_SUBNETS,
    security_group_ids=_SECURITY_GROUPS,
    enable_inter_container_traffic_encryption=True,
)
MODEL_NETWORK = Networking(
    enable_network_isolation=True, subnets=_SUBNETS, security_group_ids=_SECURITY_GROUPS
)

# What the conversion found out about the data, and what the evaluation found out about the candidates.
DATASET = PropertyFile(name="Dataset", output_name="dataset", path="dataset.json")
EVALUATION = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")


class Parameters:
    """The parameters of a task's pipeline."""

    def __init__(self, task: Task) -> None:
        self.raw_data = ParameterString("RawData", f"s3://${{RawDataBucket}}/{task.name}/")
        self.split = ParameterString("Split", "auto")
        self.processing_instance = ParameterString("ProcessingInstanceType", INSTANCE_TYPE)
        self.training_instance = ParameterString("TrainingInstanceType", INSTANCE_TYPE)
        self.transform_instance = ParameterString("TransformInstanceType", INSTANCE_TYPE)
        self.min_f1 = ParameterFloat("MinF1", task.min_f1)
        self.approval_status = ParameterString(
            "ApprovalStatus",
            "PendingManualApproval",
            enum_values=["PendingManualApproval", "Approved", "Rejected"],
        )
        # None: a fold of a cross-validation is evaluated, and its model goes no further.
        self.registration = ParameterString("Registration", "Champion", enum_values=["Champion", "None"])
        self.hyperparameters = {
            candidate.parameter(name): _typed(candidate.parameter(name), default)
            for candidate in task.candidates
            for name, default in candidate.settings.items()
        }

    def listed(self) -> list[Any]:
        """Return the parameters in the order in which a definition lists them."""
        return [
            self.raw_data,
            self.split,
            self.processing_instance,
            self.training_instance,
            self.transform_instance,
            self.min_f1,
            self.approval_status,
            self.registration,
            *self.hyperparameters.values(),
        ]


def _typed(name: str, default: Value) -> Any:
    kinds = {int: ParameterInteger, float: ParameterFloat, str: ParameterString}
    return kinds[type(default)](name, default)


@dataclass(frozen=True)
class Site:
    """Where the steps of one pipeline are built: task, parameters, session that records requests."""

    task: Task
    parameters: Parameters
    session: PipelineSession

    def output(self, *below: str) -> Join:
        """Return a place of this execution's own: s3://bucket/task/execution/step/…."""
        root = f"s3://${{ArtifactBucket}}/{self.task.name}"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, *below])


def output_of(step: ProcessingStep, name: str) -> Any:
    """Return where a processing step put an output, right also when the step was served from the cache."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def service_retries() -> list[Any]:
    """Return the retries of a step that only asks the service for something."""
    return [
        StepRetryPolicy(
            exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
            interval_seconds=5,
            backoff_rate=2.0,
            max_attempts=5,
        )
    ]


def job_retries() -> list[Any]:
    """Return the retries of a step that runs a job."""
    return [
        *service_retries(),
        SageMakerJobStepRetryPolicy(
            failure_reason_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR],
            interval_seconds=10,
            backoff_rate=2.0,
            max_attempts=3,
        ),
        # Instances may be short for a while: wait 1, 2, 4, 8 and 16 minutes.
        SageMakerJobStepRetryPolicy(
            exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
            failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR],
            interval_seconds=60,
            backoff_rate=2.0,
            max_attempts=5,
        ),
    ]
