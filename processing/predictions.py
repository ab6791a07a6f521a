"""What batch transform answered: JSON Lines, one prediction a row of the test channel.

Source of the format: SageMaker's developer guide, the built-in algorithms' inference formats. linear-learner
and factorization-machines answer `{"score": 0.4, "predicted_label": 0}`; a multiclass score is a list of one
number a class; knn answers `{"predicted_label": 0.0}`. Batch transform names an output INPUT.out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from processing.container import InputError, visible_files
from processing.spill import Spill

CURE = "run the batch transform again"
BLOCK_CHARACTERS = 2**17
"""Lines are read some of so many characters at a time."""
_LARGEST = 1e308
"""Beyond it JSON's numbers are no finite floats."""


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
        for numbers, lines in _blocks(path):
            found = _at_once(lines, classes, wanted_score)
            if found is None:
                found = _one_by_one(lines, numbers, path, classes, wanted_score)
            labels.append(found.labels)
            if found.scores is not None:
                scores.append(found.scores)
    names = ", ".join(path.name for path in files)
    count, scored = len(labels), len(scores)
    if count != rows:
        raise InputError(
            f"{folder}: {count} predictions in {names}, but the test channel has {rows} labels; {CURE}"
        )
    if scored not in (0, rows):
        raise InputError(f"{folder}: only {scored} of {rows} predictions in {names} have a score; {CURE}")
    return Predictions(labels.array(), scores.array() if scored else None)


def _blocks(path: Path) -> Iterator[tuple[list[int], list[str]]]:
    """Yield lines that are not blank, stripped, with their numbers in the file, from 1; many at a time."""
    first = 1
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            while block := file.readlines(BLOCK_CHARACTERS):
                lines = [line.strip() for line in block]
                numbers = list(range(first, first + len(lines)))
                first += len(lines)
                if not all(lines):
                    numbers = [number for number, line in zip(numbers, lines, strict=True) if line]
                    lines = list(filter(None, lines))
                if lines:
                    yield numbers, lines
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); {CURE}") from error


def _at_once(lines: list[str], classes: int, wanted_score: tuple[int, ...]) -> Predictions | None:
    """Read lines as one JSON array, in half the time; None where anything is not as it usually is.

    Every line begins with the only brace that it opens and ends with the only one that it closes, so that
    each is one object of the array.
    """
    text = ",".join(lines)
    whole = {line[0] + line[-1] for line in lines} == {"{}"}
    if not whole or not text.count("{") == text.count("}") == len(lines):
        return None
    try:
        answers = DECODER.decode(f"[{text}]")
        labels = _numbers([answer["predicted_label"] for answer in answers])
    except (ValueError, RecursionError, KeyError):
        return None
    if labels is None or not ((labels >= 0) & (labels < classes) & (labels == np.floor(labels))).all():
        return None
    given = [answer.get("score") for answer in answers]
    kinds, scores = set(map(type, given)), None
    if kinds != {type(None)}:
        if wanted_score:
            if kinds != {list} or set(map(len, given)) != {classes}:
                return None
            given = list(chain.from_iterable(given))
        scores = _numbers(given)
        if scores is None:
            return None
        scores = scores.reshape(len(lines), *wanted_score)
    return Predictions(labels.astype(np.int64), scores)


def _numbers(values: list[Any]) -> npt.NDArray[np.float64] | None:
    """Return finite JSON numbers as float64, or None where one is something else."""
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        found = np.array(values, np.float64)
    except OverflowError:
        return None
    return found if (np.abs(found) < _LARGEST).all() else None


def _one_by_one(
    lines: list[str], numbers: list[int], path: Path, classes: int, wanted_score: tuple[int, ...]
) -> Predictions:
    """Read each line on its own; InputError names the first that is wrong."""
    answers = [
        _prediction(line, path, number, classes, wanted_score)
        for number, line in zip(numbers, lines, strict=True)
    ]
    scores = [score for _, score in answers if score is not None]
    return Predictions(
        np.array([label for label, _ in answers], np.int64),
        np.array(scores, np.float64) if scores else None,
    )


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
    return type(value) in (int, float) and abs(value) < _LARGEST


def _short(value: Any) -> str:
    shown = value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
