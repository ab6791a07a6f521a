"""Expressions and conditions of the definition language."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.conditions import holds
from local.errors import NotFoundError, StepError
from local.language import Scope
from local.paths import walk

OBJECTS = {
    "s3://b/evaluation/e.json": (
        b'{"champion": {"name": "knn", "value": 0.97}, "list": [{"a.b": true}], "none": null}'
    ),
    "s3://b/broken.json": b"{",
    "s3://b/nan.json": b'{"f1": NaN}',
}


def read(uri: str) -> bytes:
    if uri not in OBJECTS:
        raise NotFoundError(f"there is no object {uri}")
    return OBJECTS[uri]


@pytest.fixture
def scope() -> Scope:
    outputs = [{"OutputName": "evaluation", "S3Output": {"S3Uri": "s3://b/evaluation"}}]
    return Scope(
        {"K": 3, "Rate": 0.5, "On": True, "Name": "x"},
        {"PipelineExecutionId": "abc", "PipelineName": "toys"},
        read,
        {
            "Evaluate": {"ProcessingOutputConfig": {"Outputs": outputs}},
            "Train": {
                "FinalMetricDataList": [{"MetricName": "test:accuracy", "Value": 0.9}],
                "ModelName": "m",
            },
        },
        {"Evaluate": [{"PropertyFileName": "E", "OutputName": "evaluation", "FilePath": "e.json"}]},
    )


def json_get(path: object, **where: object) -> dict[str, object]:
    source = where or {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.E"}}
    return {"Std:JsonGet": {**source, "Path": path}}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Get": "Parameters.K"}, 3),
        ({"Get": "Parameters.On"}, True),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "Steps.Train.ModelName"}, "m"),
        ({"Get": "Steps.Train.FinalMetricDataList['test:accuracy'].Value"}, 0.9),
        ({"Get": "Steps.Train.FinalMetricDataList[0].Value"}, 0.9),
        (
            {"Get": "Steps.Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"},
            "s3://b/evaluation",
        ),
        (
            {"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.K"}, {"Get": "Parameters.On"}]}},
            "a/3/true",
        ),
        (
            {"Std:Join": {"On": "-", "Values": [{"Std:Join": {"On": "", "Values": ["a", "b"]}}, 0.5]}},
            "ab-0.5",
        ),
        (json_get("champion.value"), 0.97),
        (json_get("list[0]['a.b']"), True),
        (
            json_get(
                "champion.name", S3Uri={"Std:Join": {"On": "/", "Values": ["s3:/", "b/evaluation", "e.json"]}}
            ),
            "knn",
        ),
        ({"a": [{"Get": "Parameters.Name"}], "b": None}, {"a": ["x"], "b": None}),
        ({"Get": "Parameters.K", "more": 1}, {"Get": "Parameters.K", "more": 1}),
    ],
)
def test_an_expression_stands_for_its_value(scope, expression, value):
    assert scope.resolve(expression, "S") == value


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ({"Get": "Parameters.L"}, "there is no parameter 'L'; there are: K, Rate, On, Name"),
        ({"Get": "Nothing.L"}, "Get takes Parameters.NAME"),
        ({"Get": 3}, "Get takes Parameters.NAME"),
        ({"Get": "Steps.Other.ModelName"}, "step 'Other' has not run"),
        ({"Get": "Steps.Train"}, "say which property"),
        ({"Get": "Steps.Train.Model"}, "there is no 'Model'; there is FinalMetricDataList, ModelName"),
        ({"Get": "Steps.Train.FinalMetricDataList['x'].Value"}, "there is no ['x']; there is test:accuracy"),
        ({"Get": "Steps.Train.FinalMetricDataList[4].Value"}, "there is no [4]; the list has 1"),
        ({"Get": "Steps.Train.ModelName.x"}, "\"m\" has no 'x'"),
        ({"Get": "Steps.Train.FinalMetricDataList["}, "the path breaks off at '['"),
        ({"Std:Join": {"On": "/", "Values": [["a"]]}}, "is no text, number or boolean"),
        ({"Std:Join": {"On": 1, "Values": []}}, "On is 1, not text"),
        ({"Std:Join": "a"}, "takes On (text) and Values"),
        (json_get("champion"), "a text, number or boolean is wanted"),
        (json_get("none"), "a text, number or boolean is wanted"),
        (json_get("champion.f1"), "there is no 'f1'; there is name, value"),
        (json_get(""), "the path is empty"),
        (json_get({"Get": "Parameters.Name"}), "a Path that is plain text"),
        (json_get("x", S3Uri="s3://b/broken.json"), "s3://b/broken.json is not JSON"),
        (json_get("f1", S3Uri="s3://b/nan.json"), "NaN is no JSON number"),
        (json_get("x", S3Uri="s3://b/none.json"), "there is no object s3://b/none.json"),
        (
            json_get("x", PropertyFile={"Get": "Steps.Evaluate.PropertyFiles.F"}),
            "no property file of step 'Evaluate' 'F'",
        ),
        (
            json_get("x", PropertyFile={"Get": "Steps.E.PropertyFiles.F"}, S3Uri="s3://b/x"),
            "one of PropertyFile and S3Uri",
        ),
    ],
)
def test_an_expression_that_leads_nowhere_names_step_and_expression(scope, expression, complaint):
    with pytest.raises(StepError) as caught:
        scope.resolve(expression, "Check")
    assert complaint in caught.value.reason
    assert caught.value.reason.startswith(f"step 'Check': {json.dumps(expression)}")


def condition(kind: str, left: object, right: object) -> dict[str, object]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("tested", "truth"),
    [
        (condition("Equals", "a", "a"), True),
        (condition("Equals", 1, 1.0), True),
        (condition("Equals", {"Get": "Parameters.On"}, False), False),
        (condition("GreaterThan", {"Get": "Parameters.K"}, 3), False),
        (condition("GreaterThanOrEqualTo", {"Get": "Parameters.K"}, 3), True),
        (condition("LessThan", 2, {"Get": "Parameters.K"}), True),
        (condition("LessThanOrEqualTo", 3.5, 3), False),
        (
            {
                "Type": "In",
                "QueryValue": {"Get": "Parameters.Name"},
                "Values": ["y", {"Get": "Parameters.Name"}],
            },
            True,
        ),
        ({"Type": "In", "QueryValue": "z", "Values": ["x"]}, False),
        ({"Type": "Not", "Condition": condition("Equals", 1, 2)}, True),
        ({"Type": "Or", "Conditions": [condition("Equals", 1, 2), condition("LessThan", 1, 2)]}, True),
        ({"Type": "Or", "Conditions": []}, False),
    ],
)
def test_conditions_hold_or_not(scope, tested, truth):
    assert holds(tested, lambda value: scope.resolve(value, "C"), "C") is truth


@pytest.mark.parametrize(
    ("tested", "complaint"),
    [
        (condition("GreaterThan", "0.9", 0.8), "a text ('0.9') cannot be compared with a number (0.8)"),
        (condition("Equals", True, 1), "a boolean (True) cannot be compared with a number (1)"),
        (condition("LessThan", True, False), "booleans have no order"),
        (condition("Equals", None, 1), "null is no text, number or boolean"),
        ({"Type": "In", "QueryValue": "x", "Values": ["x", 1]}, "cannot be compared"),
        ({"Type": "Equals", "LeftValue": 1}, "lacks 'RightValue'"),
        ({"Type": "Between"}, "no condition type 'Between'; known: Equals, GreaterThan"),
    ],
)
def test_a_condition_that_cannot_be_decided_fails_the_step(scope, tested, complaint):
    with pytest.raises(StepError) as caught:
        holds(tested, lambda value: scope.resolve(value, "C"), "C")
    assert complaint in caught.value.reason
    assert "step 'C'" in caught.value.reason


keys = st.text("abcxyz._-:", min_size=1, max_size=6)
documents = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


@given(documents, st.data())
def test_every_place_in_a_document_has_a_path_that_leads_there(document, data):
    path, place = "", document
    while isinstance(place, dict | list):
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        path += f"[{key}]" if isinstance(key, int) else f"['{key}']"
        place = place[key]
    if path:
        assert walk(document, path) == place


@given(documents)
def test_a_document_without_expressions_stands_for_itself(document):
    assert Scope({}, {}, read).resolve(document, "S") == document


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_the_comparisons_of_two_numbers_agree_with_each_other(left, right):
    def truth(kind: str) -> bool:
        return holds(condition(kind, left, right), lambda value: value, "C")

    assert truth("GreaterThan") == (not truth("LessThanOrEqualTo"))
    assert truth("LessThan") == (not truth("GreaterThanOrEqualTo"))
    assert truth("Equals") == (truth("GreaterThanOrEqualTo") and truth("LessThanOrEqualTo"))
