"""`python -m processing.evaluation`: predictions against labels, the champion, and Model Monitor's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.container import InputError
from processing.evaluation import evaluate
from processing.predictions import read_predictions
from processing.recordio import encode_dense

BINARY = ("--problem", "binary", "--metric", "f1", "--candidates", "linear-learner", "knn")
Failure = Callable[..., str]
Here = Callable[..., int]


def lines(*answers: dict[str, Any]) -> str:
    return "".join(json.dumps(answer) + "\n" for answer in answers)


@pytest.fixture
def binary(job: Any, dataset_json: Callable[..., str]) -> Any:
    """Four test images of 1 x 2 pixels; linear-learner errs twice, knn once."""
    job.put("dataset/dataset.json", dataset_json(2, ["not 0", "0"], [1, 2]))
    job.put("test/test.csv", "0.1,1\n0.2,2\n0.3,3\n0.4,4\n")
    job.put("test_labels/labels.csv", "0\n0\n1\n1\n")
    scores = [0.6, 0.1, 0.3, 0.9]
    answers = [{"score": score, "predicted_label": int(score > 0.5)} for score in scores]
    job.put("predictions/linear-learner/test.csv.out", lines(*answers))
    job.put(
        "predictions/knn/test.csv.out", lines(*({"predicted_label": label} for label in (0.0, 0.0, 0.0, 1.0)))
    )
    return job


@pytest.mark.slow
def test_the_job_runs_as_the_container_runs_it(binary: Any) -> None:
    binary.succeed("evaluation", *BINARY)
    assert binary.json("evaluation/evaluation.json")["champion"]["name"] == "knn"


def test_the_best_candidate_is_the_champion(binary: Any, here: Here) -> None:
    assert here(binary, evaluate, *BINARY) == 0
    found = binary.json("evaluation/evaluation.json")
    assert found["champion"] == {"name": "knn", "metric": "f1", "value": pytest.approx(2 / 3)}
    assert (
        found["binary_classification_metrics"]
        == binary.json("evaluation/knn/evaluation.json")["binary_classification_metrics"]
    )
    assert found["class_names"] == ["not 0", "0"]
    assert found["image_shape"] == [1, 2]
    assert found["rows"] == 4
    assert found["warnings"] == []
    knn, linear = found["candidates"]["knn"], found["candidates"]["linear-learner"]
    assert knn["accuracy"] == 0.75
    assert knn["confusion_matrix"] == {"0": {"0": 2, "1": 0}, "1": {"0": 1, "1": 1}}
    assert (knn["auc"], knn["roc"], knn["precision_recall"]) == (None, None, None)
    assert knn["mistakes"] == [{"row": 2, "actual": 1, "predicted": 0, "score": None, "features": [0.3, 3.0]}]
    assert linear["auc"] == 0.75
    assert [(mistake["row"], mistake["score"]) for mistake in linear["mistakes"]] == [(2, 0.3), (0, 0.6)]


def test_a_candidates_file_is_model_monitors_schema_and_nothing_else(binary: Any, here: Here) -> None:
    assert here(binary, evaluate, *BINARY) == 0
    monitor = binary.json("evaluation/linear-learner/evaluation.json")
    assert list(monitor) == ["binary_classification_metrics"]
    metrics = monitor["binary_classification_metrics"]
    assert metrics["auc"] == {"value": 0.75, "standard_deviation": "NaN"}
    assert set(metrics["receiver_operating_characteristic_curve"]) == {
        "false_positive_rates",
        "true_positive_rates",
    }
    assert set(metrics["precision_recall_curve"]) == {"precisions", "recalls"}
    assert metrics["f1_best_constant_classifier"]["value"] == pytest.approx(2 / 3)


def test_the_first_of_equals_is_the_champion(binary: Any, here: Here) -> None:
    binary.put(
        "predictions/linear-learner/test.csv.out",
        (binary.input / "predictions/knn/test.csv.out").read_bytes(),
    )
    assert here(binary, evaluate, *BINARY) == 0
    assert binary.json("evaluation/evaluation.json")["champion"]["name"] == "linear-learner"


def test_multiclass_with_lists_of_scores(
    job: Any, here: Here, dataset_json: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    job.put("dataset/dataset.json", dataset_json(1, ["setosa", "versicolor", "virginica"]))
    job.put("test/test.pbr", encode_dense(np.float32([[5.1], [6.2], [7.3]])))
    job.put("test_labels/labels.csv", "0\n1\n2\n")
    answers = [([0.9, 0.1, 0.0], 0), ([0.1, 0.2, 0.7], 2), ([0.0, 0.4, 0.6], 2)]
    job.put(
        "predictions/linear-learner/test.pbr.out",
        lines(*({"score": score, "predicted_label": label} for score, label in answers)),
    )
    arguments = ("--problem", "multiclass", "--metric", "macro_f1", "--candidates", "linear-learner")
    assert here(job, evaluate, *arguments) == 0
    warning = "linear-learner: no row was predicted as class 1 (versicolor): its precision is set to 0.0"
    assert f"warning: {warning}" in capsys.readouterr().err
    found = job.json("evaluation/evaluation.json")
    assert found["warnings"] == [warning]
    assert found["champion"]["value"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert list(job.json("evaluation/linear-learner/evaluation.json")) == [
        "multiclass_classification_metrics"
    ]
    candidate = found["candidates"]["linear-learner"]
    assert candidate["f1"] == candidate["macro_f1"]
    assert candidate["mistakes"] == [{"row": 1, "actual": 1, "predicted": 2, "score": 0.7, "features": [6.2]}]


def test_mnist_sized_predictions(job: Any, here: Here, dataset_json: Callable[..., str]) -> None:
    """10,000 rows, three candidates: at most 20 mistakes each and curves of at most 200 points."""
    random = np.random.default_rng(0)
    actual = random.integers(0, 2, 10_000)
    job.put("dataset/dataset.json", dataset_json(4, ["not 0", "0"], [2, 2]))
    job.put("test/test.pbr", encode_dense(random.random((10_000, 4), dtype=np.float32)))
    job.put("test_labels/labels.csv", "".join(f"{label}\n" for label in actual))
    names = ("linear-learner", "factorization-machines", "knn")
    for name in names:
        scores = np.clip(actual * 0.3 + random.random(10_000) * 0.7, 0, 1)
        answers = ({"score": score, "predicted_label": int(score > 0.5)} for score in scores.tolist())
        job.put(f"predictions/{name}/test.pbr.out", lines(*answers))
    assert here(job, evaluate, "--problem", "binary", "--metric", "macro_f1", "--candidates", *names) == 0
    for candidate in job.json("evaluation/evaluation.json")["candidates"].values():
        assert len(candidate["mistakes"]) == 20
        assert len(candidate["roc"]["true_positive_rates"]) == 200
        assert len(candidate["precision_recall"]["recalls"]) == 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"predicted_label": 0}\n', "1 predictions in test.csv.out, but the test channel has 4 labels"),
        ('{"predicted_label": 0\n' * 4, 'line 1: {"predicted_label": 0 is not a JSON object'),
        ("[" * 100_000, "is not a JSON object"),
        ('{"score": 1}\n' * 4, 'line 1: {"score": 1} has no predicted_label'),
        ("0\n" * 4, "line 1: 0 has no predicted_label"),
        ('{"predicted_label": 0}\n\n\n0\n', "line 4: 0 has no predicted_label"),
        ('{"predicted_label": 2}\n' * 4, "line 1: the predicted_label 2 is not one of 0 to 1"),
        ('{"predicted_label": 0.5}\n' * 4, "the predicted_label 0.5 is not one of 0 to 1"),
        ('{"predicted_label": true}\n' * 4, "the predicted_label True is not one of 0 to 1"),
        ('{"predicted_label": NaN}\n' * 4, "NaN is no JSON number"),
        ('{"predicted_label": 1e999}\n' * 4, "the predicted_label inf is not one of 0 to 1"),
        ('{"predicted_label": 0, "score": [0.1, 0.9]}\n' * 4, "the score [0.1, 0.9] is not a finite number"),
        ('{"predicted_label": 0, "score": 1e999}\n' * 4, "the score inf is not a finite number"),
        (
            '{"predicted_label": 0}\n' * 3 + '{"predicted_label": 0, "score": 0.1}\n',
            "only 1 of 4 predictions in test",
        ),
        (b"\xff\xfe", "not UTF-8 text"),
        # Four objects on four lines, but not one on each.
        (
            '{"predicted_label": 0}\n{"predicted_label": 0}, {"predicted_label": 1}\n'
            '{"predicted_label": 1\n"score": 1}\n',
            "line 2",
        ),
        (
            '{"predicted_label": 0}, {"predicted_label": 0}\n{"predicted_label": 0, "x": [{"y": 1}\n'
            '{"y": 2}]}\n{"predicted_label": 0}\n',
            "line 1",
        ),
        ('{"predicted_label": 0}\n' * 3 + '{"predicted_label": ' + "9" * 400 + "}\n", "line 4"),
        ('{"predicted_label": 0}\n' * 3 + '{"predicted_label": false}\n', "line 4"),
    ],
)
def test_wrong_predictions_are_told(binary: Any, failure: Failure, content: str | bytes, told: str) -> None:
    binary.put("predictions/linear-learner/test.csv.out", content)
    message = failure(evaluate, *BINARY)
    assert told in message
    assert "predictions/linear-learner" in message
    assert not binary.output.exists()


def test_a_candidate_without_predictions_is_named(binary: Any, failure: Failure) -> None:
    assert "predictions/fm: no such folder" in failure(evaluate, *BINARY, "fm")
    binary.put("predictions/fm/readme.txt", "nothing")
    assert "predictions/fm: no file ends with .out" in failure(evaluate, *BINARY, "fm")


def test_another_number_of_test_rows_is_told(binary: Any, failure: Failure) -> None:
    binary.put("test/test.csv", "1,2\n")
    assert "test: 1 rows, but test_labels has 4" in failure(evaluate, *BINARY)


def test_three_classes_are_no_binary_problem(
    binary: Any, failure: Failure, dataset_json: Callable[..., str]
) -> None:
    binary.put("dataset/dataset.json", dataset_json(2, ["a", "b", "c"]))
    assert "3 classes are no binary problem; use --problem multiclass" in failure(evaluate, *BINARY)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--f-beta", "0"), "argument --f-beta: '0' is not a finite number above 0"),
        (("--f-beta", "nan"), "argument --f-beta: 'nan' is not a finite number above 0"),
        (("--candidates", "../knn"), "argument --candidates: '../knn' is not the name of a folder"),
        (("--metric", "auc"), "argument --metric: invalid choice: 'auc'"),
    ],
)
def test_wrong_arguments_are_told(
    binary: Any, failure: Failure, arguments: tuple[str, ...], told: str
) -> None:
    assert told in failure(evaluate, *BINARY, *arguments)


LINE = st.dictionaries(
    st.sampled_from(["predicted_label", "score", "other"]),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.floats())
    ),
).map(json.dumps) | st.text(max_size=20)


@given(st.lists(LINE, max_size=4), st.booleans())
def test_any_lines_are_predictions_or_refused(
    tmp_path_factory: Any, texts: list[str], is_binary: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "test.out").write_bytes("\n".join(texts).encode("utf-8", "surrogatepass"))
    try:
        found = read_predictions(folder, 2, len(texts), binary=is_binary)
    except InputError:
        return
    assert found.labels.shape == (len(texts),)
    assert found.scores is None or np.isfinite(found.scores).all()


SCORES = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-3, 3)


@given(st.data(), st.booleans())
def test_predictions_are_read_as_each_line_says(tmp_path_factory: Any, data: Any, is_binary: bool) -> None:
    classes = 2 if is_binary else 3
    score = SCORES if is_binary else st.lists(SCORES, min_size=3, max_size=3)
    kinds = {"predicted_label": st.integers(0, classes - 1) | st.sampled_from([0.0, 1.0]), "score": score}
    rows = data.draw(st.lists(st.fixed_dictionaries(kinds, optional={"more": st.text()}), min_size=1))
    folder = tmp_path_factory.mktemp("each")
    blanks = data.draw(st.sampled_from(["\n", "\n\n", " \r\n\t"]))
    (folder / "test.out").write_text("".join(json.dumps(row) + blanks for row in rows), newline="")
    found = read_predictions(folder, classes, len(rows), binary=is_binary)
    assert found.labels.tolist() == [row["predicted_label"] for row in rows]
    assert found.scores is not None
    assert found.scores.tolist() == [row["score"] for row in rows]
