"""What serving, alarms and budget promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

import settings
from serving.requests import deployment
from serving.settings import VARIABLE, endpoint, from_environment
from settings.model import Endpoint

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


def unpacked(platform: Any) -> tuple[Path, dict[str, str]]:
    """Return the folder of the function's code, and its variables."""
    function = platform.only("serving", "AWS::Lambda::Function")
    folder = platform.folder / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    variables = {name: as_text(value) for name, value in function["Environment"]["Variables"].items()}
    return folder, variables


def test_the_function_is_told_how_each_task_is_served_in_words_it_understands(both: Any) -> None:
    for platform in both:
        folder, variables = unpacked(platform)
        # strict: raises on anything unknown
        endpoints = from_environment({**variables, VARIABLE: str(folder / variables[VARIABLE])})
        iris, digit = (endpoints.of(f"trainyard-{platform.environment}-{t}") for t in ("iris", "zero-digit"))
        assert (iris.task, digit.task) == ("iris", "zero-digit")
        assert iris.roles.keys() == {"knn", "linear-learner"}
        assert iris.kms_key_arn == "arn:imported"
        assert not endpoints.serves("trainyard-test-iris")
        if platform.environment == "dev":
            assert (iris.kind, digit.time_to_live_hours) == ("serverless", 8)
        else:
            assert (iris.kind, iris.time_to_live_hours) == ("real-time", None)
            assert (digit.kind, digit.scale_to_zero, digit.in_vpc) == ("asynchronous", True, True)
            assert digit.subnets == ("arn:imported", "arn:imported")


def test_the_code_reads_the_settings_beside_it_and_its_variables_stay_small(dev: Any) -> None:
    folder, variables = unpacked(dev)
    read = "import os; from serving.settings import from_environment as read; print(read(os.environ).of(G))"
    told = subprocess.run(
        [sys.executable, "-c", f"G = 'trainyard-dev-zero-digit'; {read}"],
        cwd="/",
        env={**variables, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "ml.t2.medium" in told
    # Lambda takes 4096, and no task adds to them.
    assert sum(len(name) + len(value) for name, value in variables.items()) < 512


def as_text(joined: Any) -> str:
    """Return what Fn::Join makes of texts and references."""
    if isinstance(joined, str):
        return joined
    return "".join(part if isinstance(part, str) else "arn:imported" for part in joined["Fn::Join"][1])


def test_roles_may_do_what_the_settings_of_an_endpoint_ask_for(dev: Any) -> None:
    from stacks.approval_access import approval_allowances
    from stacks.endpoints import data_allowances
    from stacks.names import names

    environment = settings.read("dev")
    told = "arn:aws:sns:us-east-1:111122223333:told"
    asked = Endpoint(
        kind="asynchronous", instance_type="ml.m5.large", instance_count=1, output="s3://answers/here",
        error_topic=told, alarms=["quality"],
    )  # fmt: skip
    task = environment.tasks["iris"].model_copy(update={"endpoint": asked})
    environment = environment.model_copy(update={"tasks": {"iris": task}})
    place = names(environment)
    data = {entry.actions: entry.resources for entry in data_allowances("iris", environment, place)}
    assert data["s3:GetObject", "s3:PutObject"] == ["arn:aws:s3:::answers/here/trainyard-dev-iris/*"]
    assert data["sns:Publish",] == [told]
    # zero-digit's requests are captured, which is to write alone
    captured = data_allowances("zero-digit", settings.read("dev"), place)
    assert [entry.actions for entry in captured] == [("s3:PutObject",)]
    looked_at = {
        resource
        for allowance in approval_allowances(environment, place, "arn:aws:kms:key")
        for resource in allowance.resources
        if "cloudwatch:DescribeAlarms" in allowance.actions
    }
    assert "arn:aws:cloudwatch:us-east-1:111122223333:alarm:quality" in looked_at


def test_a_deployments_end_and_an_endpoints_expiry_reach_the_function(dev: Any) -> None:
    changed = dev.only("serving", "AWS::Events::Rule", Name="trainyard-dev-endpoint-changed")
    assert changed["EventPattern"]["detail-type"] == ["SageMaker Endpoint State Change"]
    expiry = dev.only("serving", "AWS::Events::Rule", Name="trainyard-dev-endpoint-expiry")
    assert expiry["ScheduleExpression"] == "rate(15 minutes)"


def test_a_rollback_is_decided_by_alarms_that_exist(prod: Any) -> None:
    alarms = {a["AlarmName"] for a in prod.properties("serving", "AWS::CloudWatch::Alarm")}
    request = deployment("trainyard-prod-iris", endpoint("trainyard-prod-iris", {}))
    assert request is not None
    assert {alarm["AlarmName"] for alarm in request["AutoRollbackConfiguration"]["Alarms"]} <= alarms


def test_alarms_that_roll_back_are_the_same_on_one_machine(dev: Any) -> None:
    from local.api.alarms import default_alarms

    deployed = {a["AlarmName"]: a for a in dev.properties("serving", "AWS::CloudWatch::Alarm")}
    latency = settings.read("dev").alarms.latency_ms
    for alarm in default_alarms("trainyard-dev-iris", latency):
        held = deployed[alarm["AlarmName"]]
        assert sorted(held["Dimensions"], key=str) == sorted(alarm["Dimensions"], key=str)
        assert {key: held.get(key) for key in alarm if key != "Dimensions"} == {
            key: value for key, value in alarm.items() if key != "Dimensions"
        }


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
