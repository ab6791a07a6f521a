"""Reading, filling in and changing compiled definitions, without the SDK."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.definition import (
    DefinitionError,
    diff,
    fill,
    image,
    images,
    load,
    parameters,
    placeholders,
    references,
    resolve_parameters,
    steps,
    task_names,
)


@pytest.fixture
def iris() -> dict[str, Any]:
    return load("iris")


def test_all_tasks_come_compiled() -> None:
    assert task_names() == ["digits", "iris", "zero-digit"]


def test_reading_a_definition_loads_neither_sdk_nor_boto() -> None:
    program = (
        "import sys, pipeline.definition, pipeline.tasks\n"
        "pipeline.definition.load('iris')\n"
        "heavy = {'sagemaker', 'boto3', 'botocore', 'numpy', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_task_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(DefinitionError, match=r"'zero_digit' \(did you mean 'zero-digit'\?\)"):
        load("zero_digit")


def test_a_task_name_cannot_lead_out_of_the_directory() -> None:
    with pytest.raises(DefinitionError, match="no compiled definition"):
        load("../definitions/iris")


@pytest.mark.parametrize(("content", "reason"), [("{", "is not JSON"), ("[]", "holds no JSON object")])
def test_a_broken_file_is_named_with_the_cure(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "iris.json").write_text(content)
    with pytest.raises(DefinitionError, match=rf"iris\.json {reason}.*trainyard compile"):
        load("iris", tmp_path)


# --- placeholders -------------------------------------------------------------------------------------


def test_a_definition_says_which_names_it_wants(iris: dict[str, Any]) -> None:
    assert placeholders(iris) == {
        *("RawDataBucket", "ArtifactBucket", "ProcessingCodeUri", "DataKeyArn", "ModelPackageGroupName"),
        *("SubnetIdA", "SubnetIdB", "SecurityGroupId"),
        *("ConvertRoleArn", "InspectRoleArn", "EvaluateRoleArn"),
        *("LinearLearnerTrainingRoleArn", "LinearLearnerModelRoleArn", "LinearLearnerImage"),
        *("KnnTrainingRoleArn", "KnnModelRoleArn", "KnnImage", "ScikitLearnImage"),
    }


def test_filling_in_reaches_defaults_and_leaves_the_original_alone(iris: dict[str, Any]) -> None:
    before = copy.deepcopy(iris)
    filled = fill(iris, {name: f"<{name}>" for name in placeholders(iris)})
    assert parameters(filled)["RawData"]["DefaultValue"] == "s3://<RawDataBucket>/iris/"
    assert not placeholders(filled)
    assert iris == before


def test_text_and_document_are_filled_alike(iris: dict[str, Any]) -> None:
    names = dict.fromkeys(placeholders(iris), "x")
    assert fill(json.dumps(iris), names) == fill(iris, names)


def test_a_missing_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(DefinitionError, match=r"\$\{DataKeyArn\} \(did you mean 'DataKeyARN'\?\)"):
        fill({"Key": "${DataKeyArn}"}, {"DataKeyARN": "arn"})


def test_names_that_a_task_does_not_use_are_ignored() -> None:
    assert fill({"a": "${A}"}, {"A": "1", "B": "2"}) == {"a": "1"}


def test_an_escaped_placeholder_stands_for_itself_as_in_fn_sub() -> None:
    assert fill({"a": "${!A}-${A}"}, {"A": "1"}) == {"a": "${A}-1"}


def test_what_is_filled_in_is_not_expanded_again() -> None:
    assert fill({"a": "${A}"}, {"A": "${B}", "B": "never"}) == {"a": "${B}"}


def test_keys_are_filled_in_too_as_fn_sub_does() -> None:
    assert fill({"${A}": 1}, {"A": "key"}) == {"key": 1}


@settings(deadline=None, max_examples=50)
@given(value=st.text())
def test_any_value_stays_one_string_whatever_it_holds(value: str) -> None:
    assert fill('{"a": "<${A}>"}', {"A": value}) == {"a": f"<{value}>"}


@pytest.mark.parametrize(("text", "reason"), [("{", "not JSON"), ("3", "JSON int, not an object")])
def test_text_that_is_no_definition_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        fill(text, {})


# --- parameters ---------------------------------------------------------------------------------------


def test_parameters_take_their_defaults_and_typed_overrides(iris: dict[str, Any]) -> None:
    values = resolve_parameters(iris, {"KnnK": "5", "MinF1": "1e-1", "ApprovalStatus": "Approved"})
    assert values["KnnK"] == 5
    assert values["MinF1"] == 0.1
    assert values["ApprovalStatus"] == "Approved"
    assert values["KnnSampleSize"] == 1000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MinF", "0.5", r"unknown parameter 'MinF' \(did you mean 'MinF1'\?\); known: ApprovalStatus"),
        ("KnnK", "five", "'KnnK' is 'five', which is no whole number"),
        ("KnnK", "1.0", "'KnnK' is '1.0', which is no whole number"),
        ("KnnK", " 1", "'KnnK' is ' 1', which is no whole number"),
        ("KnnK", "1_0", "'KnnK' is '1_0', which is no whole number"),
        ("KnnK", "9" * 20, "which is no whole number"),
        ("MinF1", "high", "'MinF1' is 'high', which is no finite number"),
        ("MinF1", "nan", "'MinF1' is 'nan', which is no finite number"),
        ("MinF1", "1e999", "'MinF1' is '1e999', which is no finite number"),
        ("TrainingInstanceType", "foo", "'foo', which is no instance type; give one such as ml.m5.xlarge"),
        ("ProcessingInstanceType", "m5.xlarge", "'m5.xlarge', which is no instance type"),
        ("TransformInstanceType", "ml.m5.xlarge ", "'ml.m5.xlarge ', which is no instance type"),
        ("TrainingInstanceType", "", "'', which is no instance type"),
        (
            "ApprovalStatus",
            "Yes",
            "'ApprovalStatus' is 'Yes'; allowed: PendingManualApproval, Approved, Rejected",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(
    iris: dict[str, Any], name: str, value: str, message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        resolve_parameters(iris, {name: value})


@pytest.mark.parametrize(
    "value", ["ml.c5.18xlarge", "ml.p4d.24xlarge", "ml.m6id.large", "ml.trn1-n.32xlarge"]
)
def test_any_instance_type_is_taken_also_one_to_come(iris: dict[str, Any], value: str) -> None:
    assert resolve_parameters(iris, {"TrainingInstanceType": value})["TrainingInstanceType"] == value


def test_a_parameter_without_default_must_be_given() -> None:
    declared = {"Parameters": [{"Name": "A", "Type": "Boolean"}]}
    assert resolve_parameters(declared, {"A": "true"}) == {"A": True}
    with pytest.raises(DefinitionError, match="'A' has no default"):
        resolve_parameters(declared, {})
    with pytest.raises(DefinitionError, match="'A' is 'yes', which is no true or false"):
        resolve_parameters(declared, {"A": "yes"})


# --- steps --------------------------------------------------------------------------------------------


def test_steps_in_branches_are_found_with_the_way_to_them(iris: dict[str, Any]) -> None:
    branches = {step.name: step.branches for step in steps(iris)}
    assert branches["Evaluate"] == ()
    assert branches["Register-knn"] == (("CheckQuality", "IfSteps"), ("IsChampion-knn", "IfSteps"))
    assert branches["QualityTooLow"] == (("CheckQuality", "ElseSteps"),)


def test_what_a_step_waits_for_can_be_read_from_its_references(iris: dict[str, Any]) -> None:
    transform = next(step for step in steps(iris) if step.name == "Transform-knn")
    assert "Steps.CreateModel-knn.ModelName" in set(references(transform.step))


# --- changes ------------------------------------------------------------------------------------------


def test_a_definition_does_not_differ_from_itself_in_another_order(iris: dict[str, Any]) -> None:
    shuffled = copy.deepcopy(iris)
    shuffled["Steps"].reverse()
    shuffled["Parameters"].reverse()
    assert diff(iris, shuffled) == []


def test_changes_are_named_by_step_and_parameter(iris: dict[str, Any]) -> None:
    changed = copy.deepcopy(iris)
    parameters(changed)["MinF1"]["DefaultValue"] = 0.95
    convert = changed["Steps"][0]
    del convert["CacheConfig"]
    convert["Arguments"]["Environment"]["DEBUG"] = "1"
    assert [str(change) for change in diff(iris, changed)] == [
        "~ Parameters[MinF1].DefaultValue: 0.9 → 0.95",
        '+ Steps[Convert].Arguments.Environment.DEBUG: "1"',
        '- Steps[Convert].CacheConfig: {"Enabled": true, "ExpireAfter": "P30D"}',
    ]


@settings(deadline=None, max_examples=50)
@given(document=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_nothing_differs_from_its_own_copy(document: object) -> None:
    assert diff({"a": document}, {"a": copy.deepcopy(document)}) == []


def test_true_and_one_are_not_the_same_value() -> None:
    assert [str(change) for change in diff({"a": 1}, {"a": True})] == ["~ a: 1 → true"]


# --- images -------------------------------------------------------------------------------------------


def test_images_are_found_by_region() -> None:
    # Registry account of linear-learner in us-east-1: AWS's "Docker Registry Paths and Example Code".
    assert image("LinearLearnerImage", "us-east-1") == (
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1"
    )
    assert image("ScikitLearnImage", "cn-north-1").endswith(
        ".dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.4-2-cpu-py3"
    )


def test_all_images_of_a_region_come_at_once(iris: dict[str, Any]) -> None:
    assert {name for name in placeholders(iris) if name.endswith("Image")} <= images("eu-west-1").keys()


def test_a_region_without_the_images_is_an_error() -> None:
    with pytest.raises(DefinitionError, match="no image knn in region 'mx-central-1'"):
        image("KnnImage", "mx-central-1")
    with pytest.raises(DefinitionError, match=r"unknown image 'KNNImage' \(did you mean 'KnnImage'\?\)"):
        image("KNNImage", "us-east-1")
