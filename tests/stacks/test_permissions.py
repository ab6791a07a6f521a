"""Permissions follow from the compiled definition: each has a step and a field that asked for it."""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from cli import permissions as command
from pipeline import definition as definitions
from pipeline.permissions import PIPELINE_ROLE, Grant, Place, grants, statements

PLACE = Place("aws", "us-east-1", "111122223333")


def filled(task: str = "iris", **changes: str) -> dict[str, Any]:
    definition = definitions.load(task)
    names = {name: name for name in definitions.placeholders(definition)}
    names |= definitions.images("us-east-1") | {"ProcessingCodeUri": "s3://artifacts/code/1"} | changes
    return definitions.fill(definition, names)


def asked(role: str, action: str, task: str = "iris") -> list[Grant]:
    return [grant for grant in grants(filled(task), PLACE) if grant.role == role and action in grant.actions]


def test_conversion_reads_the_raw_data_that_the_definition_names() -> None:
    (raw,) = [g for g in asked("ConvertRoleArn", "s3:GetObject") if "Raw" in g.resource]
    assert raw.resource == "arn:aws:s3:::RawDataBucket/iris/*"
    assert (raw.step, raw.field) == ("Convert", "ProcessingInputs[raw].S3Input.S3Uri")


def test_what_an_execution_decides_becomes_a_wildcard_inside_the_task() -> None:
    resources = {g.resource for g in asked("ConvertRoleArn", "s3:PutObject")}
    assert "arn:aws:s3:::ArtifactBucket/iris/*/Convert/train/*" in resources
    assert all(resource.startswith("arn:aws:s3:::ArtifactBucket/iris/*/Convert/") for resource in resources)


def test_a_transform_reads_and_writes_with_its_models_role() -> None:
    (write,) = asked("KnnModelRoleArn", "s3:PutObject")
    assert (write.step, write.field) == ("Transform-knn", "TransformOutput.S3OutputPath")


def test_a_model_reads_one_file_and_not_a_folder() -> None:
    models = [g for g in asked("KnnModelRoleArn", "s3:GetObject") if g.step == "CreateModel-knn"]
    assert [g.resource for g in models] == [
        "arn:aws:s3:::ArtifactBucket/iris/*/Train-knn/*/output/model.tar.gz"
    ]


def test_the_pipeline_reads_the_property_files_that_conditions_ask_for() -> None:
    (evaluation,) = {g.resource for g in asked(PIPELINE_ROLE, "s3:GetObject") if g.step == "CheckQuality"}
    assert evaluation == "arn:aws:s3:::ArtifactBucket/iris/*/Evaluate/evaluation/evaluation.json"


def test_an_image_is_pulled_from_the_registry_that_it_is_in() -> None:
    (pull,) = asked("KnnTrainingRoleArn", "ecr:BatchGetImage")
    assert pull.resource == "arn:aws:ecr:us-east-1:382416733822:repository/knn"


def test_no_action_has_a_wildcard_and_every_passed_role_a_service() -> None:
    for task in definitions.task_names():
        for grant in grants(filled(task), PLACE):
            assert not any("*" in action for action in grant.actions)
            if "iam:PassRole" in grant.actions:
                assert grant.condition is not None
                assert grant.condition.key == "iam:PassedToService"


def test_a_step_that_is_taken_away_takes_its_permissions_along() -> None:
    definition = copy.deepcopy(filled())
    definition["Steps"] = [step for step in definition["Steps"] if step["Name"] != "Inspect"]
    assert "InspectRoleArn" not in {grant.role for grant in grants(definition, PLACE)}


def test_a_step_of_an_unknown_type_is_refused_and_not_passed_over() -> None:
    definition = {"Steps": [{"Name": "Tune", "Type": "Tuning", "Arguments": {}}]}
    with pytest.raises(definitions.DefinitionError, match="'Tune' has type 'Tuning'"):
        grants(definition, PLACE)


def test_a_location_outside_of_s3_is_refused() -> None:
    with pytest.raises(definitions.DefinitionError, match=r"ProcessingInputs\[code\].* is 'file:///code'"):
        grants(filled(ProcessingCodeUri="file:///code"), PLACE)


def test_statements_hold_exactly_what_was_asked() -> None:
    for task in definitions.task_names():
        every = grants(filled(task), PLACE)
        for role, made in statements(every).items():
            wanted = {(a, g.resource) for g in every if g.role == role for a in g.actions}
            given = {(a, r) for statement in made for a in statement.actions for r in statement.resources}
            assert given == wanted


def test_the_command_prints_what_is_granted_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.execute(parser.parse_args(["iris"])) == 0
    printed = capsys.readouterr().out
    assert "ConvertRole\n" in printed
    assert "on arn:aws:s3:::${RawDataBucket}/iris/*" in printed
    assert "because Convert: ProcessingInputs[raw].S3Input.S3Uri" in printed
    command.execute(parser.parse_args(["iris", "--json"]))
    assert {"role", "actions", "resource", "step", "field", "condition"} == json.loads(
        capsys.readouterr().out
    )[0].keys()


def test_the_command_needs_no_cdk() -> None:
    code = (
        "import sys, cli.permissions as p; p.derive('iris', 'us-east-1');"
        "print([m for m in ('aws_cdk', 'boto3', 'pydantic', 'stacks') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
