"""What the catalogue promises, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.definition import load, parameters, resolve_parameters
from pipeline.tasks import CATALOGUE, CSV, IRIS, ZERO_DIGIT, Candidate, Task


def hyperparameters(task: Task, algorithm: str) -> dict[str, Any]:
    candidate = next(c for c in task.candidates if c.algorithm == algorithm)
    return {"predictor_type": candidate.predictor_type, **candidate.settings}


def test_zero_digit_competes_with_the_published_settings() -> None:
    linear = hyperparameters(ZERO_DIGIT, "linear-learner")
    assert (linear["predictor_type"], linear["mini_batch_size"]) == ("binary_classifier", 200)
    machines = hyperparameters(ZERO_DIGIT, "factorization-machines")
    assert (machines["num_factors"], machines["mini_batch_size"]) == (10, 200)
    assert machines["predictor_type"] == "binary_classifier"
    assert hyperparameters(ZERO_DIGIT, "knn")["predictor_type"] == "classifier"


def test_iris_gives_knn_the_published_settings_over_a_pipe() -> None:
    knn = IRIS.candidates[0]
    assert hyperparameters(IRIS, "knn") == {"predictor_type": "classifier", "k": 1, "sample_size": 1000}
    assert (knn.input_mode, knn.train_content_type) == ("Pipe", "text/csv;label_size=1")
    assert hyperparameters(IRIS, "linear-learner")["predictor_type"] == "multiclass_classifier"


@pytest.mark.parametrize("task", CATALOGUE.values(), ids=lambda task: task.name)
def test_every_setting_is_a_parameter_of_the_compiled_pipeline(task: Task) -> None:
    definition = load(task.name)
    expected = {
        candidate.parameter(name): value
        for candidate in task.candidates
        for name, value in candidate.settings.items()
    }
    assert expected.items() <= resolve_parameters(definition, {}).items()
    assert {"RawData", "MinF1", "ApprovalStatus", "TrainingInstanceType"} <= parameters(definition).keys()


def test_one_algorithm_may_compete_twice_under_two_names() -> None:
    five = Candidate("knn", "classifier", {"k": 5, "sample_size": 1000}, name="knn-five")
    task = replace(IRIS, candidates=(*IRIS.candidates, five))
    assert [c.parameter("k") for c in task.candidates if c.algorithm == "knn"] == ["KnnK", "KnnFiveK"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Zero Digit"}, "task name 'Zero Digit': use lower-case letters"),
        ({"candidates": ()}, "needs candidates with different names"),
        ({"candidates": ZERO_DIGIT.candidates[:1] * 2}, "needs candidates with different names"),
        ({"content_type": CSV}, "factorization-machines reads application/x-recordio-protobuf, not text/csv"),
        ({"validation": False}, "wants a validation channel, but the task splits none off"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ZERO_DIGIT, **change)


def test_a_candidate_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="no algorithm 'xgboost'; known: linear-learner"):
        Candidate("xgboost", "classifier", {})
    with pytest.raises(ValueError, match="knn has no validation channel"):
        Candidate("knn", "classifier", {}, validation=True)
    with pytest.raises(ValueError, match="channels hold text/csv, not application/json"):
        replace(IRIS, candidates=(Candidate("knn", "classifier", {}, train_content_type="application/json"),))
