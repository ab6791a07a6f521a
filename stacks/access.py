"""Access: one role for each kind of work, with what the compiled definitions ask for and nothing else."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from pipeline import definition as definitions
from pipeline.permissions import PIPELINE_ROLE, Place, grants, statements
from stacks.approval_access import approval_allowances
from stacks.base import PlatformStack
from stacks.definitions import Infrastructure, fillings
from stacks.endpoints import data_allowances
from stacks.functions import function_role
from stacks.guardrails import denials
from stacks.names import role_kind
from stacks.network import NetworkStack
from stacks.policies import Allowance, allow, derived
from stacks.storage import StorageStack
from stacks.studio_access import studio_allowances

_SAGEMAKER = "sagemaker.amazonaws.com"


class AccessStack(PlatformStack):
    """Roles of steps and pipelines by task; of Studio's users, the scheduler and the approval function."""

    def __init__(
        self, scope: Construct, *, network: NetworkStack, storage: StorageStack, **properties: Any
    ) -> None:
        super().__init__(scope, "access", **properties)
        first, second = network.subnet_ids
        self.infrastructure = Infrastructure(
            data_key_arn=storage.data_key.key_arn,
            subnet_ids=(first, second),
            security_group_id=network.job_group.security_group_id,
        )
        self._denials = denials()
        self.pipeline_roles = {task: self._task_roles(task) for task in sorted(self.settings.tasks)}
        self.studio_role = self._studio_role()
        self.scheduler_role = self._scheduler_role(network)
        self.approval_role = self._approval_role(network)

    def _task_roles(self, task: str) -> iam.Role:
        """Make the roles that a task's definition names, and the pipeline's own, which is returned."""
        names = fillings(task, self.names, self.infrastructure)
        kinds = {arn: role_kind(name) for name, arn in names.items() if name.endswith("RoleArn")}
        place = Place(self.names.partition, self.settings.region, self.settings.account)
        asked = statements(grants(definitions.fill(definitions.load(task), names), place))
        for arn, kind in sorted(kinds.items()):
            role = self._role(task, kind, f"{kind} of {task}")
            served = data_allowances(task, self.settings, self.names) if kind.endswith("-model") else []
            allow(role, *map(derived, asked[arn]), *served)
        pipeline = self._role(task, PIPELINE_ROLE, f"runs the pipeline {task}")
        allow(pipeline, *map(derived, asked[PIPELINE_ROLE]), denials=self._denials)
        return pipeline

    def _role(self, task: str, kind: str, description: str) -> iam.Role:
        return iam.Role(
            self,
            "-".join((task, kind)),
            role_name=self.names.role(task, kind),
            assumed_by=iam.ServicePrincipal(
                _SAGEMAKER,
                conditions={"StringEquals": {"aws:SourceAccount": self.settings.account}},
            ),
            description=description,
        )

    def _studio_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "StudioUser",
            role_name=self.names.role("studio-user"),
            assumed_by=iam.ServicePrincipal(_SAGEMAKER),
            description="What users of Studio may do",
        )
        allowances = studio_allowances(self.settings, self.names, self.infrastructure.data_key_arn)
        allow(role, *allowances, denials=self._denials)
        return role

    def _scheduler_role(self, network: NetworkStack) -> iam.Role:
        """Let EventBridge Scheduler start the pipelines, and keep what it could not start."""
        role = iam.Role(
            self,
            "Scheduler",
            role_name=self.names.role("scheduler"),
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.settings.account}},
            ),
            description="Starts pipelines on schedule",
        )
        pipelines = [self.names.pipeline_arn(task) for task in sorted(self.settings.tasks)]
        allow(
            role,
            Allowance(("sagemaker:StartPipelineExecution",), pipelines, "schedules start pipelines"),
            Allowance(
                ("sqs:SendMessage",),
                [self.names.arn("sqs", self.names.of("schedule-dead-letters"))],
                "what could not be started is kept",
            ),
            Allowance(
                ("kms:Decrypt", "kms:GenerateDataKey"),
                [network.operations_key.key_arn],
                "schedules and the queue are encrypted",
            ),
        )
        return role

    def _approval_role(self, network: NetworkStack) -> iam.Role:
        role = function_role(self, self, "Approval", "approval")
        tasks = self.settings.tasks.values()
        allow(
            role,
            *approval_allowances(self.settings, self.names, self.infrastructure.data_key_arn),
            Allowance(
                ("sqs:SendMessage",),
                [self.names.arn("sqs", self.names.of("approval-dead-letters"))],
                "events that could not be answered are kept",
            ),
            Allowance(
                ("kms:Decrypt", "kms:GenerateDataKey"),
                [network.operations_key.key_arn],
                "queue and environment are encrypted",
            ),
            # A serverless endpoint's model can be neither in a VPC nor isolated.
            denials=self._denials if all(task.endpoint.in_vpc for task in tasks) else (),
        )
        return role


def set_boundary(scope: Construct, policy_arn: str | None) -> None:
    """Set the permissions boundary that an organisation asks for on every role below `scope`."""
    if policy_arn is not None:
        policy = iam.ManagedPolicy.from_managed_policy_arn(cdk.Stack.of(scope), "Boundary", policy_arn)
        iam.PermissionsBoundary.of(scope).apply(policy)
