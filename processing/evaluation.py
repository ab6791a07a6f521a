"""Processing job: every candidate's predictions against the labels, and which candidate is the champion.

    python -m processing.evaluation --problem binary|multiclass --candidates NAME… --metric f1|macro_f1
        [--f-beta 1.0]

Reads `input/{test_labels,dataset,test}/` and `input/predictions/CANDIDATE/*.out`, and writes

- `output/evaluation/CANDIDATE/evaluation.json`: Model Monitor's schema and nothing else, for a model package;
- `output/evaluation/evaluation.json`: the champion's Model Monitor metrics and, beside them, `champion`
  (name, metric, value), `candidates` (name → metrics, curves, the worst mistakes), `baseline` (the metrics
  of always answering the most frequent class), `class_names`, `image_shape`, `rows` and `warnings`. It is
  written last.
"""

from __future__ import annotations

import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processing import metrics
from processing.channels import plain_floats, read_channel, read_labels
from processing.container import Arguments, InputError, run, warn, write_json
from processing.curves import curves
from processing.dataset import Dataset, read_dataset
from processing.predictions import Predictions, read_predictions
from processing.spill import parts

MISTAKES = 20
FILE_NAME = "evaluation.json"


def evaluate(arguments: Sequence[str], processing: Path) -> None:
    """Evaluate the candidates that the command line's `arguments` name."""
    options = parse(arguments)
    source, output = processing / "input", processing / "output" / "evaluation"
    dataset = read_dataset(source / "dataset")
    classes, binary = len(dataset.class_names), options.problem == "binary"
    if binary and classes != 2:
        raise InputError(
            f"{source / 'dataset'}: {classes} classes are no binary problem; use --problem multiclass"
        )
    actual = read_labels(source / "test_labels", classes)
    predictions = {
        name: read_predictions(source / "predictions" / name, classes, len(actual), binary=binary)
        for name in options.candidates
    }
    worst = {name: worst_mistakes(actual, answer) for name, answer in predictions.items()}
    features = _features(
        source / "test", dataset, sorted({row for rows in worst.values() for row in rows}), len(actual)
    )
    candidates, monitors, warnings = {}, {}, list(dataset.warnings)
    for name, answer in predictions.items():
        curve = curves(actual, answer.scores)
        counts = metrics.confusion(actual, answer.labels, classes)
        candidates[name] = {
            **metrics.summary(counts, curve, binary=binary, beta=options.f_beta),
            "mistakes": [_mistake(row, actual, answer, features[row]) for row in worst[name]],
        }
        monitors[name] = (
            metrics.binary_model_monitor(counts, curve)
            if binary
            else metrics.multiclass_model_monitor(counts)
        )
        found = metrics.zero_division_warnings(
            counts, dataset.class_names, scored=binary and answer.scores is not None
        )
        warnings += [f"{name}: {text}" for text in found]
    for warning in warnings:
        warn(warning)
    champion = max(
        candidates, key=lambda name: candidates[name][options.metric]
    )  # max keeps the first of equals
    for name, monitor in monitors.items():
        write_json(output / name / FILE_NAME, monitor)
    content = {
        **monitors[champion],
        "champion": {
            "name": champion,
            "metric": options.metric,
            "value": candidates[champion][options.metric],
        },
        "candidates": candidates,
        "baseline": metrics.baseline(counts, binary=binary),
        "class_names": dataset.class_names,
        "image_shape": dataset.image_shape,
        "rows": len(actual),
        "warnings": warnings,
    }
    write_json(output / FILE_NAME, content)


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the command line's options; InputError for wrong ones."""
    parser = Arguments(prog="evaluation", description="Predictions against labels.", allow_abbrev=False)
    parser.add_argument("--problem", choices=("binary", "multiclass"), required=True)
    parser.add_argument("--candidates", nargs="+", required=True, type=_folder_name)
    parser.add_argument("--metric", choices=("f1", "macro_f1"), required=True)
    parser.add_argument("--f-beta", type=_positive, default=1.0)
    options: Namespace = parser.parse_args(arguments)
    return options


def worst_mistakes(actual: npt.NDArray[np.int64], answer: Predictions) -> list[int]:
    """Return the rows of at most MISTAKES wrong predictions: the surest first, or in order without scores."""
    worst, surest = np.empty(0, dtype=np.int64), np.empty(0)
    for rows in parts(len(actual)):
        wrong = rows.start + np.flatnonzero(answer.labels[rows] != actual[rows])
        worst = np.concatenate([worst, wrong])
        surest = np.concatenate([surest, _sureness(wrong, actual, answer)])
        best = np.argsort(-surest, kind="stable")[:MISTAKES]
        worst, surest = worst[best], surest[best]
    return [int(row) for row in worst]


def _sureness(
    rows: npt.NDArray[np.int64], actual: npt.NDArray[np.int64], answer: Predictions
) -> npt.NDArray[np.float64]:
    """Return by how much the answers of wrong rows were preferred to the truth; 0 without scores."""
    if answer.scores is None:
        return np.zeros(len(rows))
    scores, predicted = answer.scores, answer.labels[rows]
    if scores.ndim == 1:
        return np.where(predicted == 1, scores[rows], 1 - scores[rows])
    return np.asarray(scores[rows, predicted] - scores[rows, actual[rows]])


def _mistake(
    row: int, actual: npt.NDArray[np.int64], answer: Predictions, features: list[float]
) -> dict[str, Any]:
    predicted = int(answer.labels[row])
    score = None
    if answer.scores is not None:
        score = float(answer.scores[row] if answer.scores.ndim == 1 else answer.scores[row, predicted])
    return {
        "row": row,
        "actual": int(actual[row]),
        "predicted": predicted,
        "score": score,
        "features": features,
    }


def _features(folder: Path, dataset: Dataset, wanted: list[int], rows: int) -> dict[int, list[float]]:
    """Return the features of the `wanted` rows (ascending) of the test channel, which must have `rows`.

    None are shown where the data set is wide.
    """
    indices, first = np.array(wanted, dtype=np.int64), 0
    found: dict[int, list[float]] = {}
    for batch in read_channel(folder, dataset, labelled=False):
        last = first + batch.features.shape[0]
        here = indices[(indices >= first) & (indices < last)]
        chosen = batch.features[here - first]
        shown = (
            plain_floats(chosen) if isinstance(chosen, np.ndarray) and not dataset.wide else [[]] * len(here)
        )
        found.update(zip(here.tolist(), shown, strict=True))
        first = last
    if first != rows:
        raise InputError(
            f"{folder}: {first} rows, but test_labels has {rows}; mount one data conversion's output"
        )
    return found


def _folder_name(text: str) -> str:
    if text != Path(text).name or text.startswith("."):
        raise ArgumentTypeError(f"{text!r} is not the name of a folder")
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return value


if __name__ == "__main__":
    sys.exit(run(evaluate))
