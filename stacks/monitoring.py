"""Alarms, all to one topic, and the dashboard of the same metrics. docs/operations.md answers each."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.base import PlatformStack

VARIANT = "AllTraffic"
"""The name of the one production variant that an endpoint of this platform has."""

_FIVE_MINUTES = cdk.Duration.minutes(5)
_MICROSECONDS_PER_MILLISECOND = 1000


class Monitoring(Construct):
    """What is watched: endpoints' errors and latency, failed executions, dead letters, functions' errors."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        topic: sns.ITopic,
        queues: Mapping[str, sqs.IQueue],
        functions: Mapping[str, lambda_.IFunction],
    ) -> None:
        super().__init__(stack, "Monitoring")
        self._stack = stack
        self._notify = actions.SnsAction(topic)
        self._widgets: list[list[cloudwatch.IWidget]] = []
        for task in sorted(stack.settings.tasks):
            self._watch_task(task)
        self._widgets.append([self._watch_queues(queues), self._watch_functions(functions)])
        cloudwatch.Dashboard(self, "Dashboard", dashboard_name=stack.names.prefix, widgets=self._widgets)

    def _watch_task(self, task: str) -> None:
        failed = cloudwatch.Metric(
            namespace="AWS/Sagemaker/ModelBuildingPipeline",
            metric_name="ExecutionFailed",
            dimensions_map={"PipelineName": self._stack.names.of(task)},
            statistic="Sum",
            period=_FIVE_MINUTES,
        )
        errors = self._endpoint_metric(task, "Invocation5XXErrors", "Sum")
        latency = self._endpoint_metric(task, "ModelLatency", "p99")
        slow = self._stack.settings.alarms.latency_ms
        self._alarm(f"{task}-execution-failed", failed, 1, f"An execution of {task} failed.")
        self._alarm(f"{task}-5xx", errors, 1, f"The endpoint of {task} answered with a server error.")
        self._alarm(
            f"{task}-latency",
            latency,
            slow * _MICROSECONDS_PER_MILLISECOND,
            f"The slowest 1 % of requests to {task} took {slow} ms or more, for 15 minutes.",
            periods=3,
        )
        titles = {"failed executions": failed, "5xx": errors, "latency p99 (µs)": latency}
        self._widgets.append([_graph(f"{task}: {title}", [metric]) for title, metric in titles.items()])

    def _endpoint_metric(self, task: str, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map={"EndpointName": self._stack.names.of(task), "VariantName": VARIANT},
            statistic=statistic,
            period=_FIVE_MINUTES,
        )

    def _watch_queues(self, queues: Mapping[str, sqs.IQueue]) -> cloudwatch.IWidget:
        metrics = []
        for name, queue in sorted(queues.items()):
            visible = queue.metric_approximate_number_of_messages_visible(
                period=_FIVE_MINUTES, statistic="Maximum"
            )
            metrics.append(visible)
            self._alarm(f"{name}-dead-letters", visible, 1, f"A message of {name} could not be delivered.")
        return _graph("dead letters", metrics)

    def _watch_functions(self, functions: Mapping[str, lambda_.IFunction]) -> cloudwatch.IWidget:
        metrics = []
        for name, function in sorted(functions.items()):
            errors = function.metric_errors(period=_FIVE_MINUTES, statistic="Sum")
            metrics.append(errors)
            self._alarm(f"{name}-errors", errors, 1, f"The function {name} failed.")
        return _graph("function errors", metrics)

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, threshold: float, description: str, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=self._stack.names.of(name),
            alarm_description=f"{description} What to do: docs/operations.md",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # No endpoint, no requests and no executions are no reason to be woken up.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._notify)
        alarm.add_ok_action(self._notify)


def _graph(title: str, metrics: list[cloudwatch.Metric]) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8)
