"""What the deployed pipelines promise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import definition as definitions

pytestmark = pytest.mark.slow

TASKS = ("iris", "zero-digit")


def body(platform: Any, task: str) -> tuple[str, dict[str, Any]]:
    """Return what Fn::Sub is given: the text and its values."""
    pipeline = platform.only(
        "pipelines", "AWS::SageMaker::Pipeline", PipelineName=f"trainyard-{platform.environment}-{task}"
    )
    text, values = pipeline["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"]
    return text, values


@pytest.mark.parametrize("task", TASKS)
def test_what_is_deployed_is_the_compiled_definition_byte_for_byte(both: Any, task: str) -> None:
    committed = (definitions.DEFINITIONS / f"{task}.json").read_bytes()
    for platform in both:
        assert body(platform, task)[0].encode() == committed


@pytest.mark.parametrize("task", TASKS)
def test_cloudformation_fills_it_in_as_the_runner_does(dev: Any, task: str) -> None:
    text, values = body(dev, task)
    known = {name: value if isinstance(value, str) else f"imported-{name}" for name, value in values.items()}
    substituted = re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], text)  # as Fn::Sub documents it
    assert json.loads(substituted) == definitions.fill(text, known)
    assert len(substituted) < 1_048_576  # the service's limit for an inline definition


@pytest.mark.parametrize("task", TASKS)
def test_every_placeholder_is_filled_and_nothing_else(dev: Any, task: str) -> None:
    text, values = body(dev, task)
    assert values.keys() == definitions.placeholders(json.loads(text))


def test_an_execution_writes_below_its_task_in_its_environment(dev: Any) -> None:
    _, values = body(dev, "iris")
    assert values["ArtifactBucket"] == "trainyard-dev-artifacts-111122223333-us-east-1"
    assert values["ConvertRoleArn"] == "arn:aws:iam::111122223333:role/trainyard-dev-iris-convert"


def test_changed_code_gets_another_prefix_and_the_old_one_stays(tmp_path: Path) -> None:
    from stacks.definitions import code_hash

    (tmp_path / "a.py").write_text("x = 1\n")
    before = code_hash.__wrapped__(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert code_hash.__wrapped__(tmp_path) == before
    (tmp_path / "a.py").write_text("x = 2\n")
    assert code_hash.__wrapped__(tmp_path) != before


def test_what_is_shipped_is_the_folder_processing_and_nothing_else(dev: Any) -> None:
    assets = json.loads((dev.folder / "trainyard-dev-pipelines.assets.json").read_text())["files"]
    shipped = [
        {path.relative_to(folder).parts[0] for path in folder.rglob("*.py")}
        for folder in (dev.folder / asset["source"]["path"] for asset in assets.values())
        if folder.is_dir()
    ]
    assert {"processing"} in shipped
    assert {"stacks"} in shipped  # the functions of custom resources
    assert len(shipped) == 2


def test_a_pipeline_waits_for_its_code_and_its_group(dev: Any) -> None:
    for pipeline in dev.resources("pipelines", "AWS::SageMaker::Pipeline").values():
        needed = " ".join(pipeline["DependsOn"])
        assert "ProcessingCodeAtPrefix" in needed
        assert "Group" in needed


def test_a_schedule_retries_keeps_what_it_could_not_start_and_knows_its_time_zone(dev: Any) -> None:
    schedule = dev.only("pipelines", "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 6 ? * MON *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    target = schedule["Target"]
    assert target["Arn"] == "arn:aws:sagemaker:us-east-1:111122223333:pipeline/trainyard-dev-iris"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 7200, "MaximumRetryAttempts": 5}
    assert "DeadLetterConfig" in target


def test_scheduled_executions_use_the_thresholds_of_the_settings(prod: Any) -> None:
    for schedule in prod.properties("pipelines", "AWS::Scheduler::Schedule"):
        listed = schedule["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"]
        assert {item["Name"]: item["Value"] for item in listed} == {
            "MinF1": "0.95",
            "ApprovalStatus": "PendingManualApproval",
        }


def test_a_failed_execution_is_told_to_the_address_in_the_settings(dev: Any) -> None:
    rule = dev.only("pipelines", "AWS::Events::Rule", Name="trainyard-dev-failed-executions")
    assert rule["EventPattern"]["detail"]["currentPipelineExecutionStatus"] == ["Failed"]
    topic = dev.only("pipelines", "AWS::SNS::Topic")
    assert "KmsMasterKeyId" in topic
    subscription = dev.only("pipelines", "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ml-platform@example.com")


def test_registered_models_outlive_the_stack_in_production_only(dev: Any, prod: Any) -> None:
    kind = "AWS::SageMaker::ModelPackageGroup"
    assert {r["DeletionPolicy"] for r in prod.resources("pipelines", kind).values()} == {"Retain"}
    assert {r["DeletionPolicy"] for r in dev.resources("pipelines", kind).values()} == {"Delete"}
    assert len([k for k in dev.templates["pipelines"]["Resources"] if k.startswith("EmptyGroup")]) > 1


def test_other_teams_find_pipeline_and_registry_by_parameter(dev: Any) -> None:
    published = {p["Name"] for p in dev.properties("pipelines", "AWS::SSM::Parameter")}
    assert {f"/trainyard/dev/{task}/pipeline-name" for task in TASKS} <= published
    assert {f"/trainyard/dev/{task}/model-package-group" for task in TASKS} <= published
