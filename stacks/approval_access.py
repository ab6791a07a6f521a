"""What the function that answers approvals may do: look at packages, make and remove their endpoints."""

from __future__ import annotations

from settings import Settings
from stacks.endpoints import model_roles
from stacks.names import Names
from stacks.policies import Allowance

_SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"

LISTS = (
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
)
PACKAGES = ("sagemaker:DescribeModelPackage",)
GROUPS = ("sagemaker:AddTags", "sagemaker:DescribeModelPackageGroup", "sagemaker:ListTags")
ENDPOINTS = (
    "sagemaker:AddTags",
    "sagemaker:CreateEndpoint",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:CreateModel",
    "sagemaker:DeleteEndpoint",
    "sagemaker:DeleteEndpointConfig",
    "sagemaker:DeleteModel",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "sagemaker:DescribeModel",
    "sagemaker:ListTags",
    "sagemaker:UpdateEndpoint",
)
SCALING = (
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
)
ALARMS = ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm")


def approval_allowances(settings: Settings, names: Names, data_key_arn: str) -> list[Allowance]:
    """Return what the role of the approval function allows."""
    tasks = sorted(settings.tasks)
    groups = [names.of(task) for task in tasks]
    numbered = "names of models and configurations end in a hash of their content, packages in a number"
    return [
        Allowance(LISTS, ["*"], "listing knows no resource"),
        Allowance(PACKAGES, [names.arn("sagemaker", f"model-package/{g}/*") for g in groups], numbered),
        Allowance(GROUPS, [names.arn("sagemaker", f"model-package-group/{g}") for g in groups], numbered),
        Allowance(ENDPOINTS, _endpoint_resources(names, groups), numbered),
        Allowance(
            ("iam:PassRole",),
            [role for task in tasks for role in model_roles(task, names).values()],
            "models run as their algorithm's role",
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        *_keys(data_key_arn),
        *_scaling(names, groups),
        *_rollback(settings, names),
    ]


def _endpoint_resources(names: Names, groups: list[str]) -> list[str]:
    kinds = ("endpoint/{}", "endpoint-config/{}-*", "model/{}-*")
    return [names.arn("sagemaker", kind.format(group)) for group in groups for kind in kinds]


def _keys(data_key_arn: str) -> list[Allowance]:
    lent = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    reason = "volumes of endpoints are encrypted"
    return [
        Allowance(("kms:CreateGrant",), [data_key_arn], reason, lent),
        Allowance(("kms:DescribeKey",), [data_key_arn], reason),
    ]


def _scaling(names: Names, groups: list[str]) -> list[Allowance]:
    linked = (
        f"role/aws-service-role/{_SCALING_SERVICE}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
    return [
        Allowance(
            SCALING,
            [names.arn("application-autoscaling", "scalable-target/*")],
            "scalable targets are named by the service",
        ),
        Allowance(
            ALARMS,
            [names.arn("cloudwatch", f"alarm:{group}-*") for group in groups],
            "an endpoint's alarms begin with its name",
        ),
        Allowance(
            ("iam:CreateServiceLinkedRole",),
            [f"arn:{names.partition}:iam::{names.account}:{linked}"],
            "the first scalable target of an account makes it",
            {"StringEquals": {"iam:AWSServiceName": _SCALING_SERVICE}},
        ),
    ]


def _rollback(settings: Settings, names: Names) -> list[Allowance]:
    """Return leave to look at the alarms that settings name, which whoever asks for a rollback needs."""
    named = {alarm for task in settings.tasks.values() for alarm in task.endpoint.alarms or ()}
    resources = [names.arn("cloudwatch", f"alarm:{name}") for name in sorted(named)]
    return [Allowance(("cloudwatch:DescribeAlarms",), resources, "they roll updates back")] if named else []
