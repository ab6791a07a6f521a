"""Which rows train, validate and test: a percentage of the data, or one of its folds.

    auto                        as the data's publisher, or the task, splits it
    70                          the first 70 % train, the others test
    20-90                       the rows from 20 % to 90 % train
    70,random,seed=7            a random 70 % train; without seed= it is 0
    70,complement               what 70 would train with tests, and the other way round
    fold=2/5,random             the second of five equal parts tests, the other four train

Source: Amazon Machine Learning's DataRearrangement, whose JSON is read as well:
`{"splitting": {"percentBegin": 0, "percentEnd": 70, "strategy": "random", "randomSeed": "7",
"complement": false}}` names the rows that train.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.container import InputError

AUTO = "auto"
TRAIN, VALIDATION, TEST = range(3)
NAMES = ("train", "validation", "test")
FIELDS = ("percentBegin", "percentEnd", "strategy", "randomSeed", "complement")
SYNTAX = "write 70, 20-90, 70,random,seed=7, 70,complement or fold=2/5"

_RANGE = re.compile(r"(?:(?P<begin>[0-9.]+)-)?(?P<end>[0-9.]+)")
_FOLD = re.compile(r"fold=([0-9]{1,4})/([0-9]{1,4})")

Membership = npt.NDArray[np.uint8]
"""Row → TRAIN, VALIDATION or TEST; one byte a row is all that a split needs of a table of any length."""


@dataclass(frozen=True)
class Rearrangement:
    """Which share of the rows is apart from the others.

    begin, end: the share, from 0 to 1. tests: whether it tests and the others train (a fold, a complement).
    seed: None for the rows in their order, else of their shuffle.
    """

    begin: float
    end: float
    tests: bool = False
    seed: int | None = None

    def membership(self, rows: int, validation_size: float, source: str) -> Membership:
        """Return each row's split; validation takes a share of all rows from the end of what trains.

        Raises InputError where a split would have no row.
        """
        first, last = round(self.begin * rows), round(self.end * rows)
        training = [(0, first), (last, rows)] if self.tests else [(first, last)]
        trained = sum(stop - start for start, stop in training)
        held_out = math.ceil(validation_size * rows)
        if not held_out < trained < rows:
            raise InputError(
                f"{source}: {rows} rows cannot be split: {max(0, trained - held_out)} would train, "
                f"{min(held_out, trained)} validate and {rows - trained} test; "
                "give more rows or another split"
            )
        found = np.full(rows, TEST, dtype=np.uint8)
        place = self._place(rows)
        for start, stop in reversed(training):
            cut = max(start, stop - held_out)
            found[place(start, cut)] = TRAIN
            found[place(cut, stop)] = VALIDATION
            held_out -= stop - cut
        return found

    def _place(self, rows: int) -> Callable[[int, int], slice | npt.NDArray[np.uint32]]:
        """Return what tells which rows stand from one place to another; a drawn order is 4 bytes a row."""
        if self.seed is None:
            return slice
        order = np.arange(rows, dtype=np.uint32)
        np.random.default_rng(self.seed).shuffle(order)
        return lambda start, stop: order[start:stop]


def parse_rearrangement(text: str) -> Rearrangement | None:
    """Read `--split`; None for `auto`. Raises InputError that names the word and the syntax."""
    if text.strip() == AUTO:
        return None
    if text.lstrip().startswith("{"):
        return _from_json(text)
    first, *words = [word.strip() for word in text.split(",")]
    seed, complement = None, False
    for word in words:
        if word == "random":
            seed = seed or 0
        elif word.startswith("seed="):
            if word == "seed=":
                raise InputError(f"--split {text}: 'seed=' has no number; give one, or leave it out")
            seed = _seed(word.removeprefix("seed="))
        elif word == "complement":
            complement = True
        elif word != "sequential":
            raise InputError(f"--split {text}: {word!r} is not known; {SYNTAX}")
    fold = _FOLD.fullmatch(first)
    if fold:
        number, folds = int(fold[1]), int(fold[2])
        if not (1 <= number <= folds and folds >= 2):
            raise InputError(f"--split {text}: {first!r} is not one of two or more folds; {SYNTAX}")
        if complement:
            raise InputError(
                f"--split {text}: 'complement' goes with a percentage, not with a fold; leave it out"
            )
        return Rearrangement((number - 1) / folds, number / folds, True, seed)
    share = _RANGE.fullmatch(first)
    if not share:
        raise InputError(f"--split {text}: {first!r} is no percentage; {SYNTAX}")
    return _range(share["begin"] or "0", share["end"], complement, seed, text)


def _from_json(text: str) -> Rearrangement:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"--split {text}: not JSON ({error}); {SYNTAX}") from error
    splitting: Any = content.get("splitting") if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(splitting, dict) or not set(splitting) <= set(FIELDS):
        raise InputError(f'--split {text}: write {{"splitting": {{…}}}} with {", ".join(FIELDS)}')
    strategy = splitting.get("strategy", "sequential")
    complement = str(splitting.get("complement", False)).lower()
    if strategy not in ("sequential", "random") or complement not in ("true", "false"):
        raise InputError(f"--split {text}: strategy is sequential or random, and complement is true or false")
    seed = _seed(str(splitting.get("randomSeed", 0))) if strategy == "random" else None
    begin, end = splitting.get("percentBegin", 0), splitting.get("percentEnd", 100)
    return _range(str(begin), str(end), complement == "true", seed, text)


def _range(begin: str, end: str, complement: bool, seed: int | None, text: str) -> Rearrangement:
    try:
        first, last = float(begin), float(end)
    except ValueError:
        first, last = math.nan, math.nan
    if not 0 <= first < last <= 100 or last - first == 100:
        raise InputError(f"--split {text}: a percentage from 0 to 100 must leave rows to test; {SYNTAX}")
    return Rearrangement(first / 100, last / 100, complement, seed)


def _seed(text: str) -> int:
    """Return a number for a seed; a text that is none, as the service took, gives one by its CRC."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else zlib.crc32(text.encode("utf-8"))
