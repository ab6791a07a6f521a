"""Executions to report on: real models on scikit-learn's data, measured here; the committed definitions."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from report import render

PACKAGE = "arn:aws:sagemaker:us-east-1:000000000000:model-package/{task}/3"
SECONDS = {"Processing": 1.84, "Training": 6.27, "Model": 0.02, "Transform": 2.31, "RegisterModel": 0.03}


@dataclass(frozen=True)
class Records:
    """The four records of an execution."""

    execution: dict[str, Any]
    inspection: dict[str, Any] | None
    evaluation: dict[str, Any] | None
    definition: dict[str, Any]

    def render(self) -> str:
        return render(self.execution, self.inspection, self.evaluation, self.definition)


@dataclass(frozen=True)
class Data:
    """A task's data: `split` is (train features, test features, train labels, test labels)."""

    task: str
    class_names: list[str]
    feature_names: list[str]
    image_shape: list[int] | None
    split: tuple[Any, Any, Any, Any]

    @property
    def binary(self) -> bool:
        return len(self.class_names) == 2


def inspection_of(data: Data) -> dict[str, Any]:
    train, _, train_labels, test_labels = data.split
    limit = 100 if data.image_shape else 500
    share = limit // len(data.class_names)
    kept = sorted(i for c in range(len(data.class_names)) for i in np.flatnonzero(train_labels == c)[:share])
    columns = (train.min(0), train.max(0), train.mean(0), train.std(0), (train == 0).sum(0))
    keys = ("name", "min", "max", "mean", "std", "zeros")
    rows = zip(data.feature_names, *(column.tolist() for column in columns), strict=True)
    splits = {"train": train_labels, "test": test_labels}
    balance = {
        name: {str(c): int((labels == c).sum()) for c in range(len(data.class_names))}
        for name, labels in splits.items()
    }
    return {
        "class_names": data.class_names,
        "class_balance": balance,
        "features": [dict(zip(keys, row, strict=True)) for row in rows],
        "image_shape": data.image_shape,
        "samples": {"features": train[kept].tolist(), "labels": train_labels[kept].tolist()},
        "rows": {name: len(labels) for name, labels in splits.items()},
    }


def candidate_of(data: Data, model: Any, *, scored: bool) -> dict[str, Any]:
    train, test, train_labels, actual = data.split
    model.fit(train, train_labels)
    predicted = model.predict(test)
    scores = model.predict_proba(test) if scored else None
    classes = range(len(data.class_names))
    by_class = precision_recall_fscore_support(actual, predicted, labels=list(classes), zero_division=0.0)
    precision, recall, f1 = (v[1] if data.binary else v.mean() for v in by_class[:3])
    wrong = np.flatnonzero(predicted != actual)[:20]
    figures: dict[str, Any] = {
        "accuracy": accuracy_score(actual, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f_beta": f1,
        "macro_f1": by_class[2].mean(),
        "auc": None,
        "confusion_matrix": {
            str(a): {str(p): int(n) for p, n in enumerate(row)}
            for a, row in enumerate(confusion_matrix(actual, predicted, labels=list(classes)))
        },
        "per_class": {
            str(c): dict(
                zip(("precision", "recall", "f1", "support"), (float(v[c]) for v in by_class), strict=True)
            )
            for c in classes
        },
        "roc": None,
        "precision_recall": None,
        "mistakes": [
            {
                "row": int(i),
                "actual": int(actual[i]),
                "predicted": int(predicted[i]),
                "score": None if scores is None else float(scores[i].max()),
                "features": test[i].tolist(),
            }
            for i in wrong
        ],
    }
    if scores is not None and data.binary:
        false_positives, true_positives, _ = roc_curve(actual, scores[:, 1])
        precisions, recalls, _ = precision_recall_curve(actual, scores[:, 1], drop_intermediate=True)
        figures |= {
            "auc": float(roc_auc_score(actual, scores[:, 1])),
            "roc": {
                "false_positive_rates": false_positives.tolist(),
                "true_positive_rates": true_positives.tolist(),
            },
            "precision_recall": {"precisions": precisions[::-1].tolist(), "recalls": recalls[::-1].tolist()},
        }
    return figures


def evaluation_of(data: Data, models: dict[str, tuple[Any, bool]], metric: str) -> dict[str, Any]:
    candidates = {name: candidate_of(data, model, scored=scored) for name, (model, scored) in models.items()}
    champion = max(candidates, key=lambda name: candidates[name][metric])
    root = f"{'binary' if data.binary else 'multiclass'}_classification_metrics"
    return {
        root: {"accuracy": {"value": candidates[champion]["accuracy"]}},
        "champion": {"name": champion, "metric": metric, "value": candidates[champion][metric]},
        "candidates": candidates,
        "class_names": data.class_names,
        "image_shape": data.image_shape,
        "rows": len(data.split[3]),
        "warnings": [],
    }


def walk(steps: list[dict[str, Any]], champion: str | None) -> Iterator[dict[str, Any]]:
    """The steps that an execution reaches: without a champion it takes every `else`."""
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            asked = step["Name"].removeprefix("IsChampion-")
            taken = champion is not None and (asked in (champion, step["Name"]))
            yield from walk(step["Arguments"]["IfSteps" if taken else "ElseSteps"], champion)


def execution_of(task: str, definition: dict[str, Any], champion: str | None) -> dict[str, Any]:
    """An execution that registered `champion`, or that ended at the quality gate without one."""
    steps: list[dict[str, Any]] = [
        {
            "name": step["Name"],
            "type": step["Type"],
            "status": "Failed" if step["Type"] == "Fail" else "Succeeded",
            "seconds": SECONDS.get(step["Type"], 0.0) * (1 + 0.37 * (i % 4)),
            "cached": step["Name"] in ("Convert", "Inspect"),
            "cache_reason": "served from execution 4kd02mfa81xq: same inputs and arguments, 2 days old"
            if step["Name"] in ("Convert", "Inspect")
            else "no earlier execution had the same HyperParameters"
            if step["Type"] == "Training"
            else None,
            "failure_reason": "The best F1 is below MinF1 0.99; the evaluation is at "
            f"s3://artifacts/{task}/evaluation/evaluation.json"
            if step["Type"] == "Fail"
            else None,
        }
        for i, step in enumerate(walk(definition["Steps"], champion))
    ]
    gate = None if champion else "step QualityTooLow failed: the best F1 is below MinF1"
    return {
        "execution": "x7f3k9q2m1ab",
        "task": task,
        "status": "Succeeded" if champion else "Failed",
        "failure_reason": gate,
        "started": "2025-11-20T10:47:03.120Z",
        "seconds": 27.4,
        "parameters": {"MinF1": 0.9 if champion else 0.99, "RawData": f"s3://raw/{task}/"},
        "steps": steps,
        "model_package": {"arn": PACKAGE.format(task=task), "approval_status": "PendingManualApproval"}
        if champion
        else None,
        "versions": {"trainyard": "0.1.0", "python": "3.11.9", "numpy": "2.4.0", "scikit-learn": "1.9.1"},
    }


def broken_off(records: Records) -> Records:
    """The same execution, had the conversion failed at its first step."""
    reason = (
        "Convert: /opt/ml/processing/input/raw/iris.csv: row 17, column Petal.Length: 'wide' is no number; "
        "mend the row or leave it out"
    )
    steps = [
        {
            "name": "Convert", "type": "Processing", "status": "Failed", "seconds": 0.71, "cached": False,
            "cache_reason": "no earlier execution had the same ProcessingInputs", "failure_reason": reason,
        }
    ]  # fmt: skip
    changed = {
        "status": "Failed",
        "failure_reason": reason,
        "steps": steps,
        "model_package": None,
        "seconds": 0.9,
    }
    return Records(records.execution | changed, None, None, records.definition)


@pytest.fixture(scope="session")
def zero_digit(repository: Path) -> Records:
    """Is it a 0? Binary, 8 x 8 images, three candidates, one of them without scores."""
    digits = load_digits()
    labels = (digits.target == 0).astype(int)
    split = train_test_split(digits.data, labels, random_state=0, test_size=0.4, stratify=labels)
    names = [f"pixel{i}" for i in range(64)]
    data = Data("zero-digit", ["not 0", "0"], names, [8, 8], tuple(split))
    models = {
        "linear-learner": (LogisticRegression(C=1e-3, max_iter=500), True),
        "factorization-machines": (GaussianNB(var_smoothing=0.08), True),
        "knn": (KNeighborsClassifier(15), False),
    }
    return records_of(repository, data, models, "f1", "zero-digit")


@pytest.fixture(scope="session")
def digits(repository: Path) -> Records:
    """Which digit is it? Ten classes, images."""
    digits = load_digits()
    split = train_test_split(digits.data, digits.target, random_state=0, test_size=0.4)
    data = Data("digits", [str(d) for d in range(10)], [f"pixel{i}" for i in range(64)], [8, 8], tuple(split))
    models = {
        "linear-learner": (LogisticRegression(C=1e-3, max_iter=500), True),
        "knn": (KNeighborsClassifier(9), False),
    }
    return records_of(repository, data, models, "macro_f1", "iris")


@pytest.fixture(scope="session")
def iris(repository: Path) -> Records:
    """Three species, four features, split as the task splits."""
    flowers = load_iris()
    split = train_test_split(flowers.data, flowers.target, shuffle=True, random_state=0)
    names = ["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"]
    data = Data("iris", ["setosa", "versicolor", "virginica"], names, None, tuple(split))
    models = {
        "knn": (KNeighborsClassifier(1), False),
        "linear-learner": (LogisticRegression(C=0.05, max_iter=500), True),
    }
    return records_of(repository, data, models, "macro_f1", "iris")


def records_of(
    repository: Path, data: Data, models: dict[str, tuple[Any, bool]], metric: str, definition_of: str
) -> Records:
    text = (repository / "pipeline" / "definitions" / f"{definition_of}.json").read_text(encoding="utf-8")
    definition = json.loads(text)
    evaluation = evaluation_of(data, models, metric)
    execution = execution_of(data.task, definition, evaluation["champion"]["name"])
    return Records(execution, inspection_of(data), evaluation, definition)


@pytest.fixture(scope="session")
def iris_below_the_gate(iris: Records) -> Records:
    """All jobs ran, and the champion does not reach MinF1."""
    return replace(iris, execution=execution_of("iris", iris.definition, None))


@pytest.fixture(scope="session")
def iris_broken_off(iris: Records) -> Records:
    """The first job failed: no inspection, no evaluation."""
    return broken_off(iris)


@pytest.fixture(scope="session")
def hostile(zero_digit: Records) -> Records:
    """Every text that a user or a file may choose is an attack on the page."""
    attack = "</title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)>"
    attack += "\"' &amp; \x00\ud800\u202e"
    records = copy.deepcopy(zero_digit)
    assert records.inspection
    assert records.evaluation
    records.inspection["class_names"] = records.evaluation["class_names"] = [attack, f"{attack} 1"]
    records.inspection["features"] = [f | {"name": attack} for f in records.inspection["features"]]
    candidates = records.evaluation["candidates"]
    records.evaluation["candidates"] = {f"{attack}{name}": figures for name, figures in candidates.items()}
    records.evaluation["champion"]["name"] = next(iter(records.evaluation["candidates"]))
    records.evaluation["warnings"] = [attack]
    for step in records.execution["steps"]:
        step["cache_reason"] = step["failure_reason"] = attack
    records.execution.update(
        task=attack, execution=attack, failure_reason=attack, status=attack, started=attack
    )
    records.execution["parameters"] = {attack: attack}
    records.execution["versions"] = {attack: attack}
    records.execution["model_package"] = {"arn": attack, "approval_status": attack}
    records.definition["Steps"][0]["Name"] = attack
    return records


@pytest.fixture(scope="session")
def executions(
    zero_digit: Records,
    digits: Records,
    iris: Records,
    iris_below_the_gate: Records,
    iris_broken_off: Records,
    hostile: Records,
) -> dict[str, Records]:
    """All of them by name."""
    return {
        "zero-digit": zero_digit,
        "digits": digits,
        "iris": iris,
        "iris-below-the-gate": iris_below_the_gate,
        "iris-broken-off": iris_broken_off,
        "hostile": hostile,
    }
