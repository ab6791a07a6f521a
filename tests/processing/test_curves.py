"""ROC and precision-recall curves are scikit-learn's, point by point, however few rows are sorted at once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from processing.curves import MONITOR_POINTS, curves, thinned
from processing.spill import Spill

Doubles = npt.NDArray[np.float64]


def check(actual: npt.NDArray[np.int64], scores: Doubles, part: int) -> None:
    """Compare with scikit-learn's curves, which are sorted whole."""
    found = curves(actual, scores, part)
    assert found is not None
    false, true, _ = roc_curve(actual, scores)
    np.testing.assert_allclose(found.roc["false_positive_rates"], evenly(false), rtol=1e-12)
    np.testing.assert_allclose(found.roc["true_positive_rates"], evenly(true), rtol=1e-12)
    precisions, recalls, _ = precision_recall_curve(actual, scores, drop_intermediate=True)
    np.testing.assert_allclose(found.precision_recall["precisions"], evenly(precisions[::-1]), rtol=1e-12)
    np.testing.assert_allclose(found.precision_recall["recalls"], evenly(recalls[::-1]), rtol=1e-12)
    assert found.auc == pytest.approx(roc_auc_score(actual, scores), rel=1e-12)


def evenly(values: Doubles) -> Doubles:
    places = np.linspace(0, len(values) - 1, min(MONITOR_POINTS, len(values))).round().astype(int)
    return values[places]


SCORES = st.floats(-1e300, 1e300, allow_subnormal=False) | st.sampled_from([0.0, -0.0, 0.5, 1.0])


@given(st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=2, max_size=40), st.integers(1, 50))
def test_any_rows_give_the_curves_of_the_whole_sort(rows: list[tuple[int, float]], part: int) -> None:
    actual = np.array([label for label, _ in rows], dtype=np.int64)
    scores = np.array([score for _, score in rows])
    if actual.all() or not actual.any():
        assert curves(actual, scores, part) is None
    else:
        check(actual, scores, part)


@pytest.mark.parametrize("kind", ["distinct", "tied", "one value", "sorted", "two groups"])
def test_many_parts_and_ranges_are_merged(kind: str) -> None:
    random = np.random.default_rng(0)
    rows = 50_000
    actual = random.integers(0, 2, rows)
    scores = {
        "distinct": random.random(rows),
        "tied": random.integers(0, 300, rows) / 300,
        "one value": np.where(random.random(rows) < 0.9, 0.25, random.random(rows)),
        "sorted": np.sort(random.random(rows)),
        "two groups": np.where(actual == 1, 0.9, 0.1) + random.random(rows) * 1e-9,
    }[kind]
    check(actual, scores, 1024)


def test_without_binary_scores_there_are_no_curves() -> None:
    actual = np.array([0, 1])
    assert curves(actual, None) is None
    assert curves(actual, np.array([[0.5, 0.5], [0.1, 0.9]])) is None
    assert curves(np.empty(0, np.int64), np.empty(0)) is None


def test_curves_for_people_are_thin_and_keep_their_ends() -> None:
    random = np.random.default_rng(0)
    whole = curves(random.integers(0, 2, 5000), random.random(5000))
    assert whole is not None
    thin = thinned(whole.precision_recall)
    assert len(whole.precision_recall["recalls"]) > 200
    assert len(thin["recalls"]) == len(thin["precisions"]) == 200
    assert (thin["recalls"][0], thin["recalls"][-1]) == (0.0, 1.0)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows() -> None:
    random = np.random.default_rng(0)
    peaks = []
    for rows in (200_000, 1_600_000):
        actual, scores = random.integers(0, 2, rows), random.random(rows)
        tracemalloc.start()
        curves(actual, scores)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**21


def test_a_spill_gives_back_what_was_appended_and_outlives_itself() -> None:
    spill = Spill(np.dtype((np.float64, (2,))))
    assert spill.array().shape == (0, 2)
    first = np.arange(6.0).reshape(3, 2)
    spill.append(first)
    spill.append(first[:0])
    early = spill.array()
    spill.append(first[::-1])
    whole = spill.array()
    del spill
    np.testing.assert_array_equal(early, first)
    np.testing.assert_array_equal(whole, np.concatenate([first, first[::-1]]))
    assert not whole.flags.writeable
