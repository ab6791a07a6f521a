"""Turns: everybody's first is not counted, and no one has two in a row."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from benchmarks.timing import in_turns

pytestmark = pytest.mark.slow


def test_everybody_has_a_turn_in_every_round_and_one_to_warm_up() -> None:
    calls: list[str] = []
    timed = in_turns({name: lambda name=name: calls.append(name) for name in ("ours", "bound")}, runs=2)
    assert calls == ["ours", "bound"] * 3
    assert {name: len(each.seconds) for name, each in timed.items()} == {"ours": 2, "bound": 2}


def test_rounds_have_orders_of_their_own_and_nobody_comes_twice_in_a_row() -> None:
    calls: list[str] = []
    names = ("ours", "bound", "a peer", "another")
    in_turns({name: lambda name=name: calls.append(name) for name in names}, runs=7)
    rounds = [calls[start : start + 4] for start in range(0, len(calls), 4)]
    assert [sorted(order) for order in rounds] == [sorted(names)] * 8
    assert all(one != other for one, other in pairwise(calls))
    assert all(abs(order.index("ours") - order.index("bound")) == 1 for order in rounds)
    before = {one for one, other in pairwise(calls) if other == "ours"}
    assert before == {"bound", "a peer", "another"}


def test_the_median_is_of_the_counted_runs_and_the_result_of_the_last() -> None:
    waits = iter([0.2, 0.0, 0.0, 0.02])

    def work() -> float:
        wait = next(waits)
        time.sleep(wait)
        return wait

    timed = in_turns({"work": work}, runs=3)["work"]
    assert timed.returned == 0.02
    assert timed.median == sorted(timed.seconds)[1]
    assert max(timed.seconds) >= 0.02
    assert timed.median < max(timed.seconds)
