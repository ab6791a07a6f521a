"""Pipelines: the compiled definitions, deployed as they are; their registries, code, schedules, failures."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from settings.model import Task
from stacks.access import AccessStack
from stacks.base import PlatformStack
from stacks.definitions import CODE_FOLDER, code_prefix, fillings, text
from stacks.functions import REPOSITORY, custom_resource, custom_resource_function, shipped
from stacks.network import NetworkStack
from stacks.policies import Allowance
from stacks.queues import dead_letter_queue
from stacks.storage import StorageStack
from stacks.studio import CODE_PARAMETER

_RETRY_HOURS = 2
_RETRIES = 5


class PipelinesStack(PlatformStack):
    """Per task a pipeline, a model package group and a schedule; code and notifications for all."""

    def __init__(
        self,
        scope: Construct,
        *,
        network: NetworkStack,
        storage: StorageStack,
        access: AccessStack,
        **properties: Any,
    ) -> None:
        super().__init__(scope, "pipelines", **properties)
        self._network, self._storage, self._access = network, storage, access
        self.topic = self._topic()
        self.dead_letters = dead_letter_queue(
            self, "ScheduleDeadLetters", name="schedule-dead-letters", key=network.operations_key
        )
        code = self._ship_code()
        self._group_emptier = self._emptying_function()
        self.pipelines = {}
        for name, task in sorted(self.settings.tasks.items()):
            group = self._group(name)
            self.pipelines[name] = self._pipeline(name, after=(code, group))
            self._schedule(name, task)
        self._tell_failures()

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Notifications",
            topic_name=self.names.of("notifications"),
            display_name=f"Trainyard {self.settings.environment}",
            master_key=self._network.operations_key,
            enforce_ssl=True,
        )
        topic.add_subscription(subscriptions.EmailSubscription(self.settings.alarms.email))
        self.publish("notification-topic-arn", topic.topic_arn, "where alarms and failures are told")
        return topic

    def _ship_code(self) -> cdk.CustomResource:
        archive = assets.Asset(
            self,
            "ProcessingCode",
            path=str(REPOSITORY),
            exclude=shipped(CODE_FOLDER),
            ignore_mode=cdk.IgnoreMode.GIT,
        )
        artifacts = self.names.bucket_arn("artifacts")
        source = f"arn:{self.names.partition}:s3:::{archive.s3_bucket_name}/{archive.s3_object_key}"
        function = custom_resource_function(
            self,
            "ShipCode",
            module="ship_code",
            description="Unpacks the processing code where jobs take it as an input",
            key=self._network.operations_key,
            allowances=[
                Allowance(("s3:GetObject",), [source], "the archive that this deployment uploaded"),
                Allowance(("s3:PutObject",), [f"{artifacts}/code/*"], "each version has a prefix of its own"),
                Allowance(
                    ("kms:Decrypt", "kms:GenerateDataKey"),
                    [self._storage.data_key.key_arn],
                    "the bucket is encrypted",
                ),
            ],
        )
        uri = f"s3://{self.names.bucket('artifacts')}/{code_prefix()}"
        self.publish(CODE_PARAMETER, uri, "the prefix that holds the folder processing/ of this version")
        return custom_resource(
            self,
            "ProcessingCodeAtPrefix",
            function,
            SourceBucket=archive.s3_bucket_name,
            SourceKey=archive.s3_object_key,
            TargetBucket=self._storage.artifacts.bucket_name,
            TargetPrefix=code_prefix(),
        )

    def _group(self, task: str) -> sagemaker.CfnModelPackageGroup:
        group = sagemaker.CfnModelPackageGroup(
            self,
            f"Group-{task}",
            model_package_group_name=self.names.of(task),
            model_package_group_description=f"Models of the task {task}",
        )
        group.apply_removal_policy(self.removal_policy)
        self.publish(f"{task}/model-package-group", group.model_package_group_name, f"registry of {task}")
        if self._group_emptier is not None:
            emptying = custom_resource(
                self,
                f"EmptyGroup-{task}",
                self._group_emptier,
                ModelPackageGroupName=group.model_package_group_name,
            )
            emptying.node.add_dependency(group)
        return group

    def _pipeline(self, task: str, after: tuple[Construct, ...]) -> sagemaker.CfnPipeline:
        values = fillings(task, self.names, self._access.infrastructure)
        pipeline = sagemaker.CfnPipeline(
            self,
            f"Pipeline-{task}",
            pipeline_name=self.names.of(task),
            pipeline_description=f"The task {task}, from raw data to a registered model",
            role_arn=self._access.pipeline_roles[task].role_arn,
            pipeline_definition={"PipelineDefinitionBody": cdk.Fn.sub(text(task), values)},
        )
        for construct in after:
            pipeline.node.add_dependency(construct)
        self.publish(f"{task}/pipeline-name", pipeline.pipeline_name, f"the pipeline of {task}")
        return pipeline

    def _schedule(self, name: str, task: Task) -> None:
        if task.schedule is None:
            return
        chosen = {"MinF1": f"{task.min_f1:g}", "ApprovalStatus": task.approval, **task.parameters}
        parameter = scheduler.CfnSchedule.SageMakerPipelineParameterProperty
        schedule = scheduler.CfnSchedule(
            self,
            f"Schedule-{name}",
            name=self.names.of(name),
            description=f"Starts the pipeline of {name}",
            schedule_expression=task.schedule,
            schedule_expression_timezone=task.time_zone,
            kms_key_arn=self._network.operations_key.key_arn,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.names.pipeline_arn(name),
                role_arn=self._access.scheduler_role.role_arn,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self.dead_letters.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=_RETRY_HOURS * 3600, maximum_retry_attempts=_RETRIES
                ),
                sage_maker_pipeline_parameters=scheduler.CfnSchedule.SageMakerPipelineParametersProperty(
                    pipeline_parameter_list=[
                        parameter(name=key, value=value) for key, value in sorted(chosen.items())
                    ]
                ),
            ),
        )
        schedule.node.add_dependency(self.pipelines[name])

    def _tell_failures(self) -> None:
        """Send a message for every execution that fails, with the reason where to look."""
        arns = [self.names.pipeline_arn(task) for task in sorted(self.settings.tasks)]
        rule = events.Rule(
            self,
            "FailedExecutions",
            rule_name=self.names.of("failed-executions"),
            description="Executions that failed, by a step or by the quality gate",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Building Pipeline Execution Status Change"],
                detail={"pipelineArn": arns, "currentPipelineExecutionStatus": ["Failed"]},
            ),
        )
        message = events.RuleTargetInput.from_text(
            f"Execution failed: {events.EventField.from_path('$.detail.pipelineExecutionArn')} "
            "Its failed step and reason: trainyard describe EXECUTION, or Studio's Pipelines."
        )
        rule.add_target(targets.SnsTopic(self.topic, message=message))

    def _emptying_function(self) -> Any:
        if self.settings.storage.on_destroy == "retain":
            return None
        groups = [self.names.of(task) for task in sorted(self.settings.tasks)]
        return custom_resource_function(
            self,
            "EmptyGroup",
            module="empty_group",
            description="Deletes model packages before their group is deleted",
            key=self._network.operations_key,
            allowances=[
                Allowance(("sagemaker:ListModelPackages",), ["*"], "listing knows no resource"),
                Allowance(
                    ("sagemaker:DeleteModelPackage",),
                    [self.names.arn("sagemaker", f"model-package/{group}/*") for group in groups],
                    "versions are numbered by SageMaker",
                ),
            ],
        )
