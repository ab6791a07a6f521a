"""Serving: what answers an approval, what watches the platform, and what it may cost."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.access import AccessStack
from stacks.base import PlatformStack
from stacks.functions import PythonFunction
from stacks.monitoring import Monitoring
from stacks.network import NetworkStack
from stacks.pipelines import PipelinesStack
from stacks.queues import dead_letter_queue

_RETRY_HOURS = 2
_RETRIES = 5


class ServingStack(PlatformStack):
    """The approval rule and its function, alarms and dashboard, and the budget."""

    def __init__(
        self,
        scope: Construct,
        *,
        network: NetworkStack,
        access: AccessStack,
        pipelines: PipelinesStack,
        **properties: Any,
    ) -> None:
        super().__init__(scope, "serving", **properties)
        self.dead_letters = dead_letter_queue(
            self, "ApprovalDeadLetters", name="approval-dead-letters", key=network.operations_key
        )
        self.approval = PythonFunction(
            self,
            "Approval",
            name="approval",
            description="Answers the approval or rejection of a model package",
            folder="serving",
            handler="serving.handler.handle",
            key=network.operations_key,
            timeout=cdk.Duration.minutes(5),
            environment={"ARTIFACT_BUCKET": self.names.bucket("artifacts")},
            role=access.approval_role,
            dead_letters=self.dead_letters,
        )
        self._answer_approvals()
        Monitoring(
            self,
            topic=pipelines.topic,
            queues={"schedule": pipelines.dead_letters, "approval": self.dead_letters},
            functions={"approval": self.approval.function},
        )
        self._budget()
        self.publish("approval-function", self.approval.function.function_name, "answers approvals")

    def _answer_approvals(self) -> None:
        """Call the function when somebody approves or rejects a model package of this environment."""
        rule = events.Rule(
            self,
            "ApprovalChanged",
            rule_name=self.names.of("approval-changed"),
            description="A model package was approved or rejected",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [self.names.of(task) for task in sorted(self.settings.tasks)],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                },
            ),
        )
        rule.add_target(
            targets.LambdaFunction(
                self.approval.function,
                dead_letter_queue=self.dead_letters,
                max_event_age=cdk.Duration.hours(_RETRY_HOURS),
                retry_attempts=_RETRIES,
            )
        )

    def _budget(self) -> None:
        """Tell at 80 % and 100 % of what the account may cost a month, and when 100 % is forecast."""
        subscriber = budgets.CfnBudget.SubscriberProperty(
            subscription_type="EMAIL", address=self.settings.alarms.email
        )
        thresholds = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self.names.prefix,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(
                    amount=self.settings.budget.monthly_usd, unit="USD"
                ),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=threshold,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, threshold in thresholds
            ],
        )
