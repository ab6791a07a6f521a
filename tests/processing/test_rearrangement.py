"""`--split`: percentages, complements, folds; every row is in one split, and the same seed gives the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.container import InputError
from processing.rearrangement import TEST, TRAIN, VALIDATION, parse_rearrangement


def split(text: str, rows: int = 10, validation: float = 0.0) -> Any:
    rearrangement = parse_rearrangement(text)
    assert rearrangement is not None
    return rearrangement.membership(rows, validation, "x.csv")


def test_auto_leaves_the_split_to_the_data() -> None:
    assert parse_rearrangement("auto") is None


def test_a_percentage_trains_the_first_rows() -> None:
    assert split("70").tolist() == [TRAIN] * 7 + [TEST] * 3
    assert split("20-90").tolist() == [TEST] * 2 + [TRAIN] * 7 + [TEST]
    assert split("70,complement").tolist() == [TEST] * 7 + [TRAIN] * 3
    assert split("70", validation=0.2).tolist() == [TRAIN] * 5 + [VALIDATION] * 2 + [TEST] * 3


def test_a_random_split_depends_on_its_seed_alone() -> None:
    assert (split("70,random,seed=7", 1000) == split("70,random,seed=7", 1000)).all()
    assert (split("70,random,seed=7", 1000) != split("70,random,seed=8", 1000)).any()
    assert (split("70,random", 1000) == split("70,random,seed=0", 1000)).all()
    complement = split("70,random,complement", 1000)
    assert ((split("70,random", 1000) == TRAIN) == (complement == TEST)).all()


def test_the_service_s_json_means_the_same() -> None:
    text = (
        '{"splitting": {"percentBegin": 0, "percentEnd": 70, "strategy": "random", "randomSeed": "7", '
        '"complement": "true"}}'
    )
    assert (split(text, 100) == split("70,random,seed=7,complement", 100)).all()
    assert split('{"splitting": {"percentBegin": 20, "percentEnd": 90}}').tolist() == split("20-90").tolist()
    seed = '{"splitting": {"percentEnd": 50, "strategy": "random", "randomSeed": "myRandomSeed"}}'
    assert (split(seed, 100) == split(seed, 100)).all()


@given(rows=st.integers(20, 500), folds=st.integers(2, 10), random=st.booleans())
def test_every_row_tests_in_exactly_one_fold(rows: int, folds: int, random: bool) -> None:
    tail = ",random" if random else ""
    tested = sum(
        (split(f"fold={fold}/{folds}{tail}", rows) == TEST).astype(int) for fold in range(1, folds + 1)
    )
    assert (np.asarray(tested) == 1).all()


@given(rows=st.integers(10, 500), percent=st.integers(30, 80), validation=st.floats(0, 0.1))
def test_no_row_is_lost_and_no_split_is_empty(rows: int, percent: int, validation: float) -> None:
    found = split(f"{percent},random", rows, validation)
    assert len(found) == rows
    assert {TRAIN, TEST} <= set(found.tolist())


@pytest.mark.parametrize(
    "text",
    [
        *("", "seventy", "0", "100", "101", "-5", "90-20", "0-100", "nan", "1.2.3"),
        *("70,shuffled", "70;random", "fold=0/5", "fold=6/5", "fold=1/1", "fold=2", "fold=1/5,complement"),
        *("{", "{}", '{"splitting": {"percent": 7}}', '{"splitting": {"strategy": "odd", "percentEnd": 7}}'),
        '{"splitting": {"percentEnd": 70, "complement": "maybe"}}',
    ],
)
def test_what_is_no_split_is_refused_with_the_syntax(text: str) -> None:
    with pytest.raises(InputError, match=r"^--split .*"):
        parse_rearrangement(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fold=2/5,complement", "'complement' goes with a percentage, not with a fold; leave it out"),
        ("fold=6/5,random", "'fold=6/5' is not one of two or more folds"),
        ("70,random,seed=", "'seed=' has no number; give one, or leave it out"),
    ],
)
def test_the_word_that_is_wrong_is_the_one_that_is_named(text: str, told: str) -> None:
    with pytest.raises(InputError, match=f"^--split {text}: {told}"):
        parse_rearrangement(text)


def test_too_few_rows_are_refused_with_the_numbers() -> None:
    with pytest.raises(
        InputError, match=r"x.csv: 1 rows cannot be split: 1 would train, 0 validate and 0 test"
    ):
        split("70", 1)
