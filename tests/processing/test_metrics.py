"""Metrics are the published ones, and a zero division is a defined value with a warning."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from processing import metrics
from processing.curves import curves


def labels(*values: int) -> metrics.Labels:
    return np.array(values, dtype=np.int64)


def binary(actual: metrics.Labels, predicted: metrics.Labels, scores: Any = None) -> dict[str, Any]:
    curve = curves(actual, None if scores is None else np.array(scores, dtype=np.float64))
    return metrics.summary(metrics.confusion(actual, predicted, 2), curve, binary=True, beta=2.0)


def values(monitor: dict[str, Any]) -> dict[str, float]:
    (root,) = monitor.values()
    assert all(v["standard_deviation"] == "NaN" for v in root.values() if "value" in v)
    return {name: metric["value"] for name, metric in root.items() if "value" in metric}


def test_binary_metrics_are_the_example_of_the_developer_guide() -> None:
    """The figures are those of the guide's page "Model quality metrics", for these four rows."""
    counts = metrics.confusion(labels(0, 0, 0, 1), labels(0, 1, 1, 1), 2)
    monitor = metrics.binary_model_monitor(counts, None)
    root = monitor["binary_classification_metrics"]
    assert root["confusion_matrix"] == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    assert values(monitor) == pytest.approx(
        {
            "recall": 1.0,
            "precision": 0.3333333333333333,
            "accuracy": 0.5,
            "recall_best_constant_classifier": 1.0,
            "precision_best_constant_classifier": 0.25,
            "accuracy_best_constant_classifier": 0.25,
            "true_positive_rate": 1.0,
            "true_negative_rate": 0.33333333333333337,
            "false_positive_rate": 0.6666666666666666,
            "false_negative_rate": 0.0,
            "f0_5": 0.3846153846153846,
            "f1": 0.5,
            "f2": 0.7142857142857143,
            "f0_5_best_constant_classifier": 0.29411764705882354,
            "f1_best_constant_classifier": 0.4,
            "f2_best_constant_classifier": 0.625,
        }
    )


def test_multiclass_metrics_are_the_example_of_the_developer_guide() -> None:
    """The guide's confusion matrix of 2,096 rows, and its weighted averages."""
    actual = np.repeat(labels(0, 0, 1, 1), [1180, 510, 268, 138])
    predicted = np.repeat(labels(0, 1, 0, 1), [1180, 510, 268, 138])
    monitor = metrics.multiclass_model_monitor(metrics.confusion(actual, predicted, 2))
    seen = values(monitor)
    published = {
        "accuracy": 0.6288167938931297,
        "weighted_recall": 0.6288167938931297,
        "weighted_precision": 0.6983172269629505,
        "weighted_f0_5": 0.6803947317178771,
        "weighted_f1": 0.6571162346664904,
        "weighted_f2": 0.6384024354394601,
    }
    assert {name: seen[name] for name in published} == pytest.approx(published)
    assert {name for name in seen if name not in published} == {
        f"{n}_best_constant_classifier" for n in published
    }
    assert seen["accuracy_best_constant_classifier"] == pytest.approx(1690 / 2096)


def test_the_published_notebook_figures_of_the_zero_digit() -> None:
    """931 true positives, 44 false, 49 missed were published with F1 0.952."""
    actual = np.repeat(labels(1, 0, 1, 0), [931, 44, 49, 8976])
    predicted = np.repeat(labels(1, 1, 0, 0), [931, 44, 49, 8976])
    seen = binary(actual, predicted)
    assert seen["f1"] == pytest.approx(2 * 931 / (2 * 931 + 44 + 49))
    assert round(seen["f1"], 3) == 0.952
    assert seen["confusion_matrix"]["1"] == {"0": 49, "1": 931}


def test_f_beta_weighs_recall_by_beta() -> None:
    seen = binary(labels(0, 0, 0, 1), labels(0, 1, 1, 1))
    assert seen["f_beta"] == pytest.approx(5 * (1 / 3) * 1 / (4 * (1 / 3) + 1))


def test_multiclass_figures_are_macro_averages() -> None:
    actual, predicted = labels(0, 0, 1, 1, 2, 2), labels(0, 0, 1, 2, 2, 2)
    seen = metrics.summary(metrics.confusion(actual, predicted, 3), None, binary=False, beta=1.0)
    assert seen["f1"] == seen["macro_f1"] == pytest.approx((1 + 2 / 3 + 4 / 5) / 3)
    assert seen["recall"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert seen["per_class"]["2"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    )
    assert seen["auc"] is None


def test_curves_and_area() -> None:
    seen = binary(labels(0, 0, 1, 1), labels(0, 0, 0, 1), [0.1, 0.4, 0.35, 0.8])
    assert seen["auc"] == 0.75
    assert seen["roc"]["false_positive_rates"] == sorted(seen["roc"]["false_positive_rates"])
    assert seen["precision_recall"]["recalls"][0] == 0
    assert seen["precision_recall"]["recalls"][-1] == 1


@pytest.mark.parametrize(
    ("actual", "predicted", "told"),
    [
        (labels(0, 1), labels(0, 0), ["no row was predicted as class 1 (zero): its precision is set to 0.0"]),
        (
            labels(0, 0),
            labels(0, 0),
            [
                "no row was predicted as class 1 (zero): its precision is set to 0.0",
                "no row is of class 1 (zero): its recall is set to 0.0",
                "with rows of one class only there is no ROC curve and no AUC",
            ],
        ),
    ],
)
def test_a_zero_division_is_zero_and_warned_of(
    actual: metrics.Labels, predicted: metrics.Labels, told: list[str]
) -> None:
    seen = binary(actual, predicted, [0.1, 0.2])
    assert seen["precision"] == seen["recall"] == seen["f1"] == 0.0
    counts = metrics.confusion(actual, predicted, 2)
    assert metrics.zero_division_warnings(counts, ["not zero", "zero"], scored=True) == told


@given(st.data())
@pytest.mark.slow
def test_any_predictions_give_plain_json(data: st.DataObject) -> None:
    classes = data.draw(st.integers(2, 4))
    rows = data.draw(st.integers(1, 12))
    column = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    actual, predicted = labels(*data.draw(column)), labels(*data.draw(column))
    floats = st.floats(0, 1, width=32)
    scores = np.array(data.draw(st.lists(floats, min_size=rows, max_size=rows)), dtype=np.float64)
    curve = curves(actual, scores) if classes == 2 else None
    counts = metrics.confusion(actual, predicted, classes)
    seen = metrics.summary(counts, curve, binary=classes == 2, beta=1.0)
    monitor = (
        metrics.binary_model_monitor(counts, curve)
        if classes == 2
        else metrics.multiclass_model_monitor(counts)
    )
    json.dumps([seen, monitor], allow_nan=False)
    assert sum(sum(row.values()) for row in seen["confusion_matrix"].values()) == rows


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_class_scores_are_scikit_learns(classes: int) -> None:
    random = np.random.default_rng(classes)
    actual, predicted = random.integers(0, classes, (2, 200_000))
    actual[predicted == classes - 1] = 0  # the last class has no true positive
    counts = metrics.confusion(actual, predicted, classes)
    for beta in (0.5, 1.0, 2.0):
        found = metrics.class_scores(counts, beta)
        wanted = precision_recall_fscore_support(actual, predicted, beta=beta, zero_division=0.0)
        for ours, theirs in zip((found.precision, found.recall, found.f, found.support), wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
