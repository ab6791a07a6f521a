"""Classification metrics: numbers for people and for the pipeline's conditions, and Model Monitor's JSON.

Precision, recall, F and curves are scikit-learn's. A metric whose denominator is zero is 0.0, and comes with
a warning that says why. Every class of the data set counts in a macro average, whether or not it occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    auc,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_curve,
)

from processing.predictions import Predictions

Labels = npt.NDArray[np.int64]
CURVE_POINTS = 200
"""Points of a curve that people look at."""
MONITOR_POINTS = 10_000
"""Points of a curve for Model Monitor: as many rows or fewer have all of theirs, and the file stays small."""
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F-beta of each class, and how many rows it has: arrays of shape (classes,)."""

    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    f: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Curves:
    """A binary candidate's curves, with rising x, and the area under the whole ROC curve.

    Of all thresholds, MONITOR_POINTS at most, evenly taken.
    """

    auc: float
    roc: dict[str, list[float]]
    precision_recall: dict[str, list[float]]


def class_scores(actual: Labels, predicted: Labels, classes: int, beta: float) -> ClassScores:
    """F-beta = (1 + beta²) · precision · recall / (beta² · precision + recall), class by class; 0 / 0 = 0."""
    return ClassScores(
        *precision_recall_fscore_support(
            actual, predicted, labels=np.arange(classes), beta=beta, zero_division=0.0
        )
    )


def confusion(actual: Labels, predicted: Labels, classes: int) -> dict[str, dict[str, int]]:
    """Rows counted as {actual: {predicted: count}}, every class in both places."""
    counts = confusion_matrix(actual, predicted, labels=np.arange(classes)).tolist()
    return {str(a): {str(p): count for p, count in enumerate(row)} for a, row in enumerate(counts)}


def curves(actual: Labels, scores: npt.NDArray[np.float64] | None) -> Curves | None:
    """ROC and precision-recall curves of class 1; None without scores, or where only one class occurs."""
    if scores is None or scores.ndim != 1 or len(np.unique(actual)) < 2:
        return None
    false_positive_rates, true_positive_rates, _ = roc_curve(actual, scores)
    precisions, recalls, _ = precision_recall_curve(actual, scores, drop_intermediate=True)
    return Curves(
        auc=float(auc(false_positive_rates, true_positive_rates)),
        roc=thinned(
            {"false_positive_rates": false_positive_rates, "true_positive_rates": true_positive_rates},
            MONITOR_POINTS,
        ),
        precision_recall=thinned({"precisions": precisions[::-1], "recalls": recalls[::-1]}, MONITOR_POINTS),
    )


def thinned(curve: Mapping[str, npt.ArrayLike], points: int = CURVE_POINTS) -> dict[str, list[float]]:
    """Return the same curve with at most so many points, evenly taken, both ends among them."""
    columns = {name: np.asarray(values) for name, values in curve.items()}
    length = len(next(iter(columns.values())))
    kept = np.linspace(0, length - 1, min(points, length)).round().astype(int)
    return {name: values[kept].tolist() for name, values in columns.items()}


def summary(
    actual: Labels, predictions: Predictions, curve: Curves | None, classes: int, *, binary: bool, beta: float
) -> dict[str, Any]:
    """Return a candidate's metrics, all but its mistakes.

    precision, recall, f1 and f_beta are of class 1 for a binary problem and macro averages for a multiclass
    one.
    """
    scores = class_scores(actual, predictions.labels, classes, 1.0)
    f_beta = class_scores(actual, predictions.labels, classes, beta).f
    per_class = {
        str(label): {
            "precision": float(scores.precision[label]),
            "recall": float(scores.recall[label]),
            "f1": float(scores.f[label]),
            "support": int(scores.support[label]),
        }
        for label in range(classes)
    }

    def one(values: npt.NDArray[np.float64]) -> float:
        return float(values[1] if binary else values.mean())

    return {
        "accuracy": float(accuracy_score(actual, predictions.labels)),
        "precision": one(scores.precision),
        "recall": one(scores.recall),
        "f1": one(scores.f),
        "f_beta": one(f_beta),
        "macro_f1": float(scores.f.mean()),
        "auc": curve.auc if curve else None,
        "confusion_matrix": confusion(actual, predictions.labels, classes),
        "per_class": per_class,
        "roc": thinned(curve.roc) if curve else None,
        "precision_recall": thinned(curve.precision_recall) if curve else None,
    }


def baseline(actual: Labels, classes: int, *, binary: bool) -> dict[str, Any]:
    """Return the figures of a model that answers the most frequent class for every row.

    Amazon Machine Learning showed a multiclass model's macro F1 beside this one's.
    """
    label = int(np.bincount(actual, minlength=classes).argmax())
    scores = class_scores(actual, np.full_like(actual, label), classes, 1.0)
    return {
        "label": label,
        "accuracy": float((actual == label).mean()),
        "precision": float(scores.precision[1] if binary else scores.precision.mean()),
        "recall": float(scores.recall[1] if binary else scores.recall.mean()),
        "f1": float(scores.f[1] if binary else scores.f.mean()),
        "macro_f1": float(scores.f.mean()),
    }


def zero_division_warnings(actual: Labels, predictions: Predictions, class_names: list[str]) -> list[str]:
    """One sentence for each metric whose denominator is zero, and which is therefore 0.0 or absent."""
    classes = len(class_names)
    predicted_rows = np.bincount(predictions.labels, minlength=classes)
    actual_rows = np.bincount(actual, minlength=classes)
    warnings = []
    for label, name in enumerate(class_names):
        if not predicted_rows[label]:
            warnings.append(f"no row was predicted as class {label} ({name}): its precision is set to 0.0")
        if not actual_rows[label]:
            warnings.append(f"no row is of class {label} ({name}): its recall is set to 0.0")
    if predictions.scores is not None and predictions.scores.ndim == 1 and not actual_rows.all():
        warnings.append("with rows of one class only there is no ROC curve and no AUC")
    return warnings


def binary_model_monitor(actual: Labels, predictions: Predictions, curve: Curves | None) -> dict[str, Any]:
    """Model Monitor's `binary_classification_metrics` of class 1.

    Source of the schema: SageMaker's developer guide, "Model quality metrics". There, as its example shows,
    the best constant classifier answers 1 for every row. Without scores, `auc` and the curves are left out.
    """
    predicted = predictions.labels
    matrix = confusion(actual, predicted, 2)
    positives, negatives = sum(matrix["1"].values()), sum(matrix["0"].values())
    metrics: dict[str, Any] = {
        "confusion_matrix": matrix,
        **_binary_scalars(actual, predicted, ""),
        **_binary_scalars(actual, np.ones_like(actual), "_best_constant_classifier"),
        "true_positive_rate": _scalar(_ratio(matrix["1"]["1"], positives)),
        "true_negative_rate": _scalar(_ratio(matrix["0"]["0"], negatives)),
        "false_positive_rate": _scalar(_ratio(matrix["0"]["1"], negatives)),
        "false_negative_rate": _scalar(_ratio(matrix["1"]["0"], positives)),
    }
    if curve:
        metrics["receiver_operating_characteristic_curve"] = curve.roc
        metrics["precision_recall_curve"] = curve.precision_recall
        metrics["auc"] = _scalar(curve.auc)
    return {"binary_classification_metrics": metrics}


def multiclass_model_monitor(actual: Labels, predictions: Predictions, classes: int) -> dict[str, Any]:
    """Model Monitor's `multiclass_classification_metrics`: averages weighted by each class's rows.

    Source of the schema: SageMaker's developer guide, "Model quality metrics". The best constant classifier
    is the one that answers the most frequent class for every row.
    """
    constant = np.full_like(actual, np.bincount(actual).argmax())
    return {
        "multiclass_classification_metrics": {
            "confusion_matrix": confusion(actual, predictions.labels, classes),
            **_weighted_scalars(actual, predictions.labels, classes, ""),
            **_weighted_scalars(actual, constant, classes, "_best_constant_classifier"),
        }
    }


def _binary_scalars(actual: Labels, predicted: Labels, suffix: str) -> dict[str, Any]:
    by_beta = {name: class_scores(actual, predicted, 2, beta) for name, beta in BETAS.items()}
    scalars = {
        "accuracy": accuracy_score(actual, predicted),
        "precision": by_beta["f1"].precision[1],
        "recall": by_beta["f1"].recall[1],
        **{name: scores.f[1] for name, scores in by_beta.items()},
    }
    return {name + suffix: _scalar(value) for name, value in scalars.items()}


def _weighted_scalars(actual: Labels, predicted: Labels, classes: int, suffix: str) -> dict[str, Any]:
    by_beta = {name: class_scores(actual, predicted, classes, beta) for name, beta in BETAS.items()}
    weights = by_beta["f1"].support / len(actual)
    scalars = {
        "accuracy": accuracy_score(actual, predicted),
        "weighted_recall": weights @ by_beta["f1"].recall,
        "weighted_precision": weights @ by_beta["f1"].precision,
        **{f"weighted_{name}": weights @ scores.f for name, scores in by_beta.items()},
    }
    return {name + suffix: _scalar(value) for name, value in scalars.items()}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _scalar(value: float) -> dict[str, Any]:
    # Model Monitor writes the text "NaN" where it did not resample the rows; JSON itself has no NaN.
    return {"value": float(value), "standard_deviation": "NaN"}
