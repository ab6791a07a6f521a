"""What nobody may do, whatever else is allowed: jobs outside of the VPC, unencrypted, or with a network."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

# Action → which condition keys SageMaker knows for it (service authorization reference).
_IN_VPC = ("sagemaker:CreateModel", "sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob")
_WITH_VOLUME = (
    "sagemaker:CreateProcessingJob",
    "sagemaker:CreateTrainingJob",
    "sagemaker:CreateTransformJob",
)
_BETWEEN_CONTAINERS = ("sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob")


def denials() -> list[iam.PolicyStatement]:
    """Return the explicit denies for every role that may create jobs.

    A transform job has no VPC of its own: it runs in that of its model.
    """
    return [
        _deny("DenyOutsideTheVpc", _IN_VPC, {"Null": {"sagemaker:VpcSubnets": "true"}}),
        _deny("DenyOpenContainers", _IN_VPC, {"Bool": {"sagemaker:NetworkIsolation": "false"}}),
        _deny("DenyPlainVolumes", _WITH_VOLUME, {"Null": {"sagemaker:VolumeKmsKey": "true"}}),
        _deny("DenyPlainOutput", _WITH_VOLUME, {"Null": {"sagemaker:OutputKmsKey": "true"}}),
        _deny(
            "DenyPlainTraffic",
            _BETWEEN_CONTAINERS,
            {"Bool": {"sagemaker:InterContainerTrafficEncryption": "false"}},
        ),
    ]


def _deny(sid: str, actions: tuple[str, ...], condition: dict[str, dict[str, str]]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, effect=iam.Effect.DENY, actions=list(actions), resources=["*"], conditions=condition
    )
