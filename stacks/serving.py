"""Serving: what answers an approval, what watches the platform, and what it may cost."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from serving.settings import PLACE_VARIABLE
from serving.settings import VARIABLE as ENDPOINTS_VARIABLE
from stacks.access import AccessStack
from stacks.base import PlatformStack
from stacks.endpoints import place, tables
from stacks.functions import PythonFunction
from stacks.monitoring import Monitoring
from stacks.network import NetworkStack
from stacks.pipelines import PipelinesStack
from stacks.queues import dead_letter_queue

_ENDPOINTS_FILE = "endpoints.json"
_RETRY_HOURS = 2
_RETRIES = 5
_EXPIRY_LOOK = cdk.Duration.minutes(15)


class ServingStack(PlatformStack):
    """The approval rules and their function, alarms and dashboard, and the budget."""

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
            timeout=cdk.Duration.minutes(15),
            environment={
                ENDPOINTS_VARIABLE: _ENDPOINTS_FILE,
                PLACE_VARIABLE: self.to_json_string(place(access.infrastructure)),
            },
            # In a file, since Lambda's variables hold 4 KB, which is five tasks.
            files={_ENDPOINTS_FILE: json.dumps(tables(self.settings, self.names), indent=2, sort_keys=True)},
            role=access.approval_role,
            dead_letters=self.dead_letters,
        )
        self._answer_approvals()
        self._look_after_endpoints()
        Monitoring(
            self,
            topic=pipelines.topic,
            queues={"schedule": pipelines.dead_letters, "approval": self.dead_letters},
            functions={"approval": self.approval.function},
        )
        self._budget()
        self.publish("approval-function", self.approval.function.function_name, "answers approvals")

    def _answer_approvals(self) -> None:
        """Call the function on every decision about a package of this environment."""
        detail = {
            "ModelPackageGroupName": [self.names.of(task) for task in sorted(self.settings.tasks)],
            "ModelApprovalStatus": ["Approved", "Rejected"],
        }
        self._call("approval-changed", "A model package was approved or rejected",
                   pattern=_sagemaker_event("SageMaker Model Package State Change", detail))  # fmt: skip

    def _look_after_endpoints(self) -> None:
        """Call the function when a deployment has ended, and regularly to remove what has expired."""
        detail = {"EndpointName": [self.names.of(task) for task in sorted(self.settings.tasks)]}
        self._call("endpoint-changed", "An endpoint's deployment has ended, or failed",
                   pattern=_sagemaker_event("SageMaker Endpoint State Change", detail))  # fmt: skip
        self._call("endpoint-expiry", "Removes endpoints whose time to live is over", every=_EXPIRY_LOOK)

    def _call(
        self,
        name: str,
        description: str,
        *,
        pattern: events.EventPattern | None = None,
        every: cdk.Duration | None = None,
    ) -> None:
        rule = events.Rule(
            self,
            name,
            rule_name=self.names.of(name),
            description=description,
            event_pattern=pattern,
            schedule=events.Schedule.rate(every) if every else None,
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


def _sagemaker_event(kind: str, detail: dict[str, list[str]]) -> events.EventPattern:
    return events.EventPattern(source=["aws.sagemaker"], detail_type=[kind], detail=detail)
