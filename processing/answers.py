"""What a built-in algorithm answers, in any of its formats, as a probability for each class.

Formats: JSON Lines, JSON (`{"predictions": […]}`) and recordIO-protobuf. Sources: the algorithms' inference
formats in SageMaker's developer guide. A binary score is the probability of class 1, a multiclass score is a
list of one number a class; knn gives a label and, asked for `verbose=true`, the labels of the neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.container import InputError
from processing.recordio import RecordIOError, decode_labels

MAGIC = b"\x0a\x23\xd7\xce"
BATCH = 1000
CURE = "run the batch transform again"

Doubles = npt.NDArray[np.float64]


def probabilities(path: Path, classes: int) -> Iterator[Doubles]:
    """Yield batches of shape (rows, classes), float64, every row with the sum 1; InputError for no answer."""
    answers: list[Mapping[str, Any]] = []
    for place, answer in _answers(path):
        answers.append(_checked(answer, place))
        if len(answers) == BATCH:
            yield _rows(answers, classes, path)
            answers = []
    if answers:
        yield _rows(answers, classes, path)


def _answers(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
        file.seek(0)
        if start == MAGIC:
            yield from _from_recordio(path)
            return
        for number, line in enumerate(file, start=1):
            place = f"{path} line {number}"
            if not line.strip():
                continue
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{place}: not JSON ({error}); {CURE}") from error
            if isinstance(answer, dict) and isinstance(answer.get("predictions"), list):
                yield from ((place, one) for one in answer["predictions"])
            else:
                yield place, answer


def _from_recordio(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        columns = decode_labels(path)
    except RecordIOError as error:
        raise InputError(f"{path}: {error}; {CURE}") from error
    names = list(columns)
    for row, values in enumerate(zip(*(columns[name].tolist() for name in names), strict=True)):
        yield f"{path} record {row}", dict(zip(names, values, strict=True))


def _checked(answer: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(answer, dict) or not ({"score", "labels", "predicted_label"} & answer.keys()):
        raise InputError(f"{place}: {str(answer)[:80]!r} is no prediction; {CURE}")
    return answer


def _rows(answers: list[Mapping[str, Any]], classes: int, path: Path) -> Doubles:
    try:
        if "score" in answers[0]:
            found = _scored(np.array([answer["score"] for answer in answers], dtype=np.float64), classes)
        elif "labels" in answers[0]:
            found = _shares(np.array([answer["labels"] for answer in answers], dtype=np.float64), classes)
        else:
            labels = np.array([[answer["predicted_label"]] for answer in answers], dtype=np.float64)
            found = _shares(labels, classes)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not predictions for {classes} classes ({error}); {CURE}") from error
    return found


def _scored(scores: Doubles, classes: int) -> Doubles:
    if scores.ndim == 1 or scores.shape[1] == 1:
        positive = scores.reshape(-1)
        scores = np.column_stack([1 - positive, positive])
    totals = scores.sum(axis=1, keepdims=True)
    if scores.shape[1] != classes or not (np.isfinite(scores).all() and (scores >= 0).all()):
        raise ValueError(f"scores of shape {scores.shape}, finite and not negative, are wanted")
    if not (totals > 0).all():
        raise ValueError("all scores of a row are 0")
    # The containers answer float32, whose sum is 1 but for some 1e-7.
    return np.asarray(scores / totals)


def _shares(labels: Doubles, classes: int) -> Doubles:
    """Return how large a share of a row's labels, shape (rows, k), each class has."""
    codes = labels.astype(np.int64)
    if labels.ndim != 2 or (codes != labels).any() or (codes < 0).any() or (codes >= classes).any():
        raise ValueError(f"labels of 0 to {classes - 1} are wanted")
    counts = np.zeros((len(codes), classes))
    np.add.at(counts, (np.arange(len(codes))[:, None], codes), 1)
    return np.asarray(counts / codes.shape[1])
