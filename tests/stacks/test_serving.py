"""What serving, alarms and budget promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

from serving.requests import deployment
from serving.settings import endpoint, from_environment

pytestmark = pytest.mark.slow


def test_approval_and_rejection_of_this_environments_packages_reach_the_function(dev: Any) -> None:
    rule = dev.only("serving", "AWS::Events::Rule", Name="trainyard-dev-approval-changed")
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["trainyard-dev-iris", "trainyard-dev-zero-digit"],
            "ModelApprovalStatus": ["Approved", "Rejected"],
        },
    }
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 7200, "MaximumRetryAttempts": 5}
    assert "DeadLetterConfig" in target


def test_an_event_that_the_function_could_not_answer_is_kept(dev: Any) -> None:
    assert "DeadLetterConfig" in dev.only("serving", "AWS::Lambda::Function")
    queue = dev.only("serving", "AWS::SQS::Queue")
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert "KmsMasterKeyId" in queue


def test_the_function_is_the_code_of_this_repository(dev: Any, repository: Path) -> None:
    function = dev.only("serving", "AWS::Lambda::Function")
    module, _, name = function["Handler"].rpartition(".")
    source = (repository / Path(*module.split("."))).with_suffix(".py").read_text()
    assert f"def {name}(" in source


def test_every_alarm_is_sent_and_answered_in_the_operations_guide(both: Any, repository: Path) -> None:
    guide = (repository / "docs" / "operations.md").read_text()
    for platform in both:
        alarms = platform.properties("serving", "AWS::CloudWatch::Alarm")
        assert alarms
        for alarm in alarms:
            assert alarm["AlarmActions"], alarm["AlarmName"]
            assert alarm["OKActions"], alarm["AlarmName"]
            kind = alarm["AlarmName"].removeprefix(f"trainyard-{platform.environment}-")
            for task in ("iris", "zero-digit"):
                kind = kind.replace(f"{task}-", "TASK-")
            assert f"`…-{kind}`" in guide


def test_the_function_is_told_how_each_task_is_served_in_words_it_understands(both: Any) -> None:
    for platform in both:
        function = platform.only("serving", "AWS::Lambda::Function")
        text = as_text(function["Environment"]["Variables"]["TRAINYARD_ENDPOINTS"])
        endpoints = from_environment({"TRAINYARD_ENDPOINTS": text})  # strict: raises on anything unknown
        iris, digit = (endpoints.of(f"trainyard-{platform.environment}-{t}") for t in ("iris", "zero-digit"))
        assert (iris.task, digit.task) == ("iris", "zero-digit")
        assert iris.roles.keys() == {"knn", "linear-learner"}
        if platform.environment == "dev":
            assert (iris.kind, digit.time_to_live_hours) == ("serverless", 8)
        else:
            assert (iris.kind, iris.time_to_live_hours) == ("real-time", None)
            assert (digit.kind, digit.scale_to_zero, digit.in_vpc) == ("asynchronous", True, True)
        assert len(text) < 4096  # Lambda's limit for all variables together


def as_text(joined: Any) -> str:
    """Return what Fn::Join makes of texts and references."""
    if isinstance(joined, str):
        return joined
    return "".join(part if isinstance(part, str) else "arn:imported" for part in joined["Fn::Join"][1])


def test_a_deployments_end_and_an_endpoints_expiry_reach_the_function(dev: Any) -> None:
    changed = dev.only("serving", "AWS::Events::Rule", Name="trainyard-dev-endpoint-changed")
    assert changed["EventPattern"]["detail-type"] == ["SageMaker Endpoint State Change"]
    expiry = dev.only("serving", "AWS::Events::Rule", Name="trainyard-dev-endpoint-expiry")
    assert expiry["ScheduleExpression"] == "rate(15 minutes)"


def test_a_rollback_is_decided_by_alarms_that_exist(prod: Any) -> None:
    alarms = {a["AlarmName"] for a in prod.properties("serving", "AWS::CloudWatch::Alarm")}
    settings = endpoint("trainyard-prod-iris", {})
    request = deployment("trainyard-prod-iris", settings)
    assert request is not None
    assert {alarm["AlarmName"] for alarm in request["AutoRollbackConfiguration"]["Alarms"]} <= alarms


# What calls ask for beyond their own name: tags at creation, alarms and roles that a request names.
IMPLIED = {
    "iam:PassRole",
    "iam:CreateServiceLinkedRole",
    "cloudwatch:DescribeAlarms",
    "kms:CreateGrant",
    "kms:DescribeKey",
}
AROUND = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "kms:Decrypt",
    "kms:GenerateDataKey",
}


def test_the_function_may_do_what_its_code_calls_and_nothing_else(dev: Any, repository: Path) -> None:
    allowed = {
        action
        for statement in dev.statements("trainyard-dev-function-approval")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    words = set(re.findall(r"\w+", " ".join(p.read_text() for p in (repository / "serving").glob("*.py"))))
    called = {
        f"{prefix}:{operation}"
        for service, prefix in (
            ("sagemaker", "sagemaker"),
            ("application-autoscaling", "application-autoscaling"),
            ("cloudwatch", "cloudwatch"),
        )
        for operation in botocore.session.get_session().get_service_model(service).operation_names
        if botocore.xform_name(operation) in words
    }
    assert allowed - AROUND - IMPLIED == called


def test_errors_latency_failures_and_dead_letters_are_watched(dev: Any) -> None:
    names = {a["AlarmName"] for a in dev.properties("serving", "AWS::CloudWatch::Alarm")}
    assert {
        "trainyard-dev-iris-5xx",
        "trainyard-dev-iris-latency",
        "trainyard-dev-iris-execution-failed",
        "trainyard-dev-schedule-dead-letters",
        "trainyard-dev-approval-dead-letters",
        "trainyard-dev-approval-errors",
    } <= names


def test_latency_is_held_against_the_settings_in_the_metrics_unit(prod: Any) -> None:
    alarm = prod.only("serving", "AWS::CloudWatch::Alarm", AlarmName="trainyard-prod-iris-latency")
    assert alarm["Threshold"] == 200 * 1000  # ModelLatency is in microseconds
    assert alarm["ExtendedStatistic"] == "p99"


def test_an_endpoint_that_is_not_there_wakes_nobody(dev: Any) -> None:
    for alarm in dev.properties("serving", "AWS::CloudWatch::Alarm"):
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_budget_of_the_settings_is_watched(both: Any) -> None:
    for platform, amount in zip(both, (50, 1500), strict=True):
        budget = platform.only("serving", "AWS::Budgets::Budget")
        assert budget["Budget"]["BudgetLimit"] == {"Amount": amount, "Unit": "USD"}
        told = {
            (n["Notification"]["NotificationType"], n["Notification"]["Threshold"])
            for n in budget["NotificationsWithSubscribers"]
        }
        assert told == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
