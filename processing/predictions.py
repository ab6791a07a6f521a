"""What batch transform answered: JSON Lines, one prediction a row of the test channel.

Source of the format: SageMaker's developer guide, the built-in algorithms' inference formats. linear-learner
and factorization-machines answer `{"score": 0.4, "predicted_label": 0}`; a multiclass score is a list of one
number a class; knn answers `{"predicted_label": 0.0}`. Batch transform names an output INPUT.out.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from processing.container import InputError, visible_files
from processing.spill import Spill

CURE = "run the batch transform again"
BATCH = 10_000


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
"""One for all lines: `json.loads` would make a new one for each."""


@dataclass(frozen=True)
class Predictions:
    """One candidate's predictions, in the order of the test channel; as read, they lie in spilled columns.

    labels: int64, shape (rows,). scores: float64, (rows,) for a binary problem, (rows, classes) for a
    multiclass one, None where the algorithm gives none.
    """

    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64] | None


def read_predictions(folder: Path, classes: int, rows: int, *, binary: bool) -> Predictions:
    """Read `folder/*.out` in order of name; InputError unless they are `rows` valid predictions."""
    files = [path for path in visible_files(folder, "a batch transform's output") if path.suffix == ".out"]
    if not files:
        raise InputError(f"{folder}: no file ends with .out; mount the batch transform's output there")
    wanted_score = () if binary else (classes,)
    labels, scores = Spill(np.int64), Spill(np.dtype((np.float64, wanted_score)))
    for path in files:
        answers = (_prediction(line, path, number, classes, wanted_score) for number, line in _lines(path))
        while batch := list(itertools.islice(answers, BATCH)):
            labels.append(np.array([label for label, _ in batch], dtype=np.int64))
            known = [score for _, score in batch if score is not None]
            if known:
                scores.append(np.array(known, dtype=np.float64))
    names = ", ".join(path.name for path in files)
    found, scored = len(labels), len(scores)
    if found != rows:
        raise InputError(
            f"{folder}: {found} predictions in {names}, but the test channel has {rows} labels; {CURE}"
        )
    if scored not in (0, rows):
        raise InputError(f"{folder}: only {scored} of {rows} predictions in {names} have a score; {CURE}")
    return Predictions(labels.array(), scores.array() if scored else None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield lines that are not blank with their numbers in the file, from 1."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); {CURE}") from error


def _prediction(
    line: str, path: Path, number: int, classes: int, wanted_score: tuple[int, ...]
) -> tuple[int, Any]:
    where = f"{path} line {number}"
    try:
        answer = DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: {_short(line)} is not a JSON object ({error}); {CURE}") from error
    if not isinstance(answer, dict) or "predicted_label" not in answer:
        raise InputError(
            f"{where}: {_short(line)} has no predicted_label; ask for Accept application/jsonlines"
        )
    label, score = answer["predicted_label"], answer.get("score")
    if not (_is_number(label) and 0 <= label < classes and label == int(label)):
        raise InputError(
            f"{where}: the predicted_label {_short(label)} is not one of 0 to {classes - 1}; {CURE}"
        )
    if score is not None and not _is_score(score, wanted_score):
        want = f"a list of {wanted_score[0]} finite numbers" if wanted_score else "a finite number"
        raise InputError(f"{where}: the score {_short(score)} is not {want}; {CURE}")
    return int(label), score


def _is_score(score: Any, shape: tuple[int, ...]) -> bool:
    if shape:
        return isinstance(score, list) and len(score) == shape[0] and all(map(_is_number, score))
    return _is_number(score)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e308  # beyond it JSON's numbers are no finite floats


def _short(value: Any) -> str:
    shown = value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
