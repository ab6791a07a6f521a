"""Classification metrics: numbers for people and for the pipeline's conditions, and Model Monitor's JSON.

All of them but the curves (`processing.curves`) are worked out of how often each class was predicted as each,
so that any number of rows takes the memory of a few. A metric whose denominator is zero is 0.0, and comes
with a warning that says why. Every class of the data set counts in a macro average, whether or not it occurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.curves import Curves, thinned
from processing.spill import parts

Labels = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Confusion = npt.NDArray[np.int64]
"""Rows by actual and by predicted class, shape (classes, classes)."""
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F-beta of each class, and how many rows it has: arrays of shape (classes,)."""

    precision: Doubles
    recall: Doubles
    f: Doubles
    support: npt.NDArray[np.int64]


def confusion(actual: Labels, predicted: Labels, classes: int) -> Confusion:
    """Count rows by actual and predicted class; labels of shape (rows,), in 0 … classes-1."""
    counts = np.zeros(classes * classes, dtype=np.int64)
    for rows in parts(len(actual)):
        counts += np.bincount(actual[rows] * classes + predicted[rows], minlength=classes * classes)
    return counts.reshape(classes, classes)


def always(counts: Confusion, label: int) -> Confusion:
    """Return the confusion of answering one class for every row of the same data."""
    constant = np.zeros_like(counts)
    constant[:, label] = counts.sum(axis=1)
    return constant


def class_scores(counts: Confusion, beta: float) -> ClassScores:
    """F-beta = (1 + beta²) · precision · recall / (beta² · precision + recall), class by class; 0 / 0 = 0."""
    right, support, predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return ClassScores(
        precision=_ratios(right, predicted),
        recall=_ratios(right, support),
        f=_ratios((1 + beta**2) * right, beta**2 * support + predicted),
        support=support,
    )


def summary(counts: Confusion, curve: Curves | None, *, binary: bool, beta: float) -> dict[str, Any]:
    """Return a candidate's metrics, all but its mistakes.

    precision, recall, f1 and f_beta are of class 1 for a binary problem and macro averages for a multiclass
    one.
    """
    scores = class_scores(counts, 1.0)
    f_beta = class_scores(counts, beta).f
    per_class = {
        str(label): {
            "precision": float(scores.precision[label]),
            "recall": float(scores.recall[label]),
            "f1": float(scores.f[label]),
            "support": int(scores.support[label]),
        }
        for label in range(len(counts))
    }

    def one(values: Doubles) -> float:
        return float(values[1] if binary else values.mean())

    return {
        "accuracy": _accuracy(counts),
        "precision": one(scores.precision),
        "recall": one(scores.recall),
        "f1": one(scores.f),
        "f_beta": one(f_beta),
        "macro_f1": float(scores.f.mean()),
        "auc": curve.auc if curve else None,
        "confusion_matrix": _by_name(counts),
        "per_class": per_class,
        "roc": thinned(curve.roc) if curve else None,
        "precision_recall": thinned(curve.precision_recall) if curve else None,
    }


def baseline(counts: Confusion, *, binary: bool) -> dict[str, Any]:
    """Return the figures of a model that answers the most frequent class for every row.

    Amazon Machine Learning showed a multiclass model's macro F1 beside this one's.
    """
    label = int(counts.sum(axis=1).argmax())
    constant = always(counts, label)
    scores = class_scores(constant, 1.0)
    return {
        "label": label,
        "accuracy": _accuracy(constant),
        "precision": float(scores.precision[1] if binary else scores.precision.mean()),
        "recall": float(scores.recall[1] if binary else scores.recall.mean()),
        "f1": float(scores.f[1] if binary else scores.f.mean()),
        "macro_f1": float(scores.f.mean()),
    }


def zero_division_warnings(counts: Confusion, class_names: list[str], *, scored: bool) -> list[str]:
    """One sentence for each metric whose denominator is zero, and which is therefore 0.0 or absent.

    scored: whether there are binary scores, of which a curve would be drawn.
    """
    actual_rows, predicted_rows = counts.sum(axis=1), counts.sum(axis=0)
    warnings = []
    for label, name in enumerate(class_names):
        if not predicted_rows[label]:
            warnings.append(f"no row was predicted as class {label} ({name}): its precision is set to 0.0")
        if not actual_rows[label]:
            warnings.append(f"no row is of class {label} ({name}): its recall is set to 0.0")
    if scored and not actual_rows.all():
        warnings.append("with rows of one class only there is no ROC curve and no AUC")
    return warnings


def binary_model_monitor(counts: Confusion, curve: Curves | None) -> dict[str, Any]:
    """Model Monitor's `binary_classification_metrics` of class 1.

    Source of the schema: SageMaker's developer guide, "Model quality metrics". There, as its example shows,
    the best constant classifier answers 1 for every row. Without scores, `auc` and the curves are left out.
    """
    rates = _ratios(counts, counts.sum(axis=1, keepdims=True))
    metrics: dict[str, Any] = {
        "confusion_matrix": _by_name(counts),
        **_binary_scalars(counts, ""),
        **_binary_scalars(always(counts, 1), "_best_constant_classifier"),
        "true_positive_rate": _scalar(rates[1, 1]),
        "true_negative_rate": _scalar(rates[0, 0]),
        "false_positive_rate": _scalar(rates[0, 1]),
        "false_negative_rate": _scalar(rates[1, 0]),
    }
    if curve:
        metrics["receiver_operating_characteristic_curve"] = curve.roc
        metrics["precision_recall_curve"] = curve.precision_recall
        metrics["auc"] = _scalar(curve.auc)
    return {"binary_classification_metrics": metrics}


def multiclass_model_monitor(counts: Confusion) -> dict[str, Any]:
    """Model Monitor's `multiclass_classification_metrics`: averages weighted by each class's rows.

    Source of the schema: SageMaker's developer guide, "Model quality metrics". The best constant classifier
    is the one that answers the most frequent class for every row.
    """
    constant = always(counts, int(counts.sum(axis=1).argmax()))
    return {
        "multiclass_classification_metrics": {
            "confusion_matrix": _by_name(counts),
            **_weighted_scalars(counts, ""),
            **_weighted_scalars(constant, "_best_constant_classifier"),
        }
    }


def _binary_scalars(counts: Confusion, suffix: str) -> dict[str, Any]:
    by_beta = {name: class_scores(counts, beta) for name, beta in BETAS.items()}
    scalars = {
        "accuracy": _accuracy(counts),
        "precision": by_beta["f1"].precision[1],
        "recall": by_beta["f1"].recall[1],
        **{name: scores.f[1] for name, scores in by_beta.items()},
    }
    return {name + suffix: _scalar(value) for name, value in scalars.items()}


def _weighted_scalars(counts: Confusion, suffix: str) -> dict[str, Any]:
    by_beta = {name: class_scores(counts, beta) for name, beta in BETAS.items()}
    weights = by_beta["f1"].support / counts.sum()
    scalars = {
        "accuracy": _accuracy(counts),
        "weighted_recall": weights @ by_beta["f1"].recall,
        "weighted_precision": weights @ by_beta["f1"].precision,
        **{f"weighted_{name}": weights @ scores.f for name, scores in by_beta.items()},
    }
    return {name + suffix: _scalar(value) for name, value in scalars.items()}


def _accuracy(counts: Confusion) -> float:
    return float(counts.trace() / counts.sum())


def _by_name(counts: Confusion) -> dict[str, dict[str, int]]:
    """Rows counted as {actual: {predicted: count}}, every class in both places."""
    return {str(a): {str(p): count for p, count in enumerate(row)} for a, row in enumerate(counts.tolist())}


def _ratios(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Doubles:
    wholes = np.broadcast_to(whole, part.shape)
    return np.asarray(np.divide(part, wholes, out=np.zeros(part.shape), where=wholes != 0))


def _scalar(value: float) -> dict[str, Any]:
    # Model Monitor writes the text "NaN" where it did not resample the rows; JSON itself has no NaN.
    return {"value": float(value), "standard_deviation": "NaN"}
