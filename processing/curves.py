"""ROC and precision-recall curves over any number of rows: exact, in memory that does not grow with them.

Scores are sorted a part at a time, and of each part its distinct scores are spilled with how many rows of
either class have them. The sorted parts are then merged, a range of scores at a time, from the highest down,
which gives the counts at each threshold; the points of the curves are spilled, too, until it is known how
many they are. What remains in memory is a sample of every 256th score, by which the ranges are cut.

Which thresholds are points, and what a point is, is scikit-learn's definition (`roc_curve` and
`precision_recall_curve` with `drop_intermediate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from processing.spill import PART, Spill, parts

CURVE_POINTS = 200
"""Points of a curve that people look at."""
MONITOR_POINTS = 1000
"""Points of a curve for Model Monitor: to write ten times as many takes as long as to read 10,000 answers."""
SAMPLED = 256

Counts = npt.NDArray[np.int64]
"""Shape (n, 2), with rows of class 1 and rows of class 0: at each threshold, or at it and above."""

_SCORED = np.dtype([("score", np.float64), ("counts", np.int64, (2,))])


@dataclass(frozen=True)
class Curves:
    """A binary candidate's curves, with rising x, and the area under the whole ROC curve.

    Of all thresholds, MONITOR_POINTS at most, evenly taken.
    """

    auc: float
    roc: dict[str, list[float]]
    precision_recall: dict[str, list[float]]


def curves(
    actual: npt.NDArray[np.int64], scores: npt.NDArray[np.float64] | None, part: int = PART
) -> Curves | None:
    """ROC and precision-recall curves of class 1; None without scores, or where only one class occurs.

    actual: shape (rows,), 0 and 1. scores: finite, shape (rows,); others than of a binary problem give None.
    part: rows sorted at a time.
    """
    if scores is None or scores.ndim != 1 or not len(actual):
        return None
    roc, precision_recall = _Points(_is_corner), _Points(_finds_positives)
    above = np.zeros(2, dtype=np.int64)
    area = 0
    for at in _falling(actual, scores, part):
        reached = above + np.cumsum(at, axis=0)
        before = reached[:, 0] - at[:, 0]
        area += int(at[:, 1] @ (before + reached[:, 0]))  # twice the trapezoids, in rows of both classes
        above = reached[-1].copy()
        roc.add(at, reached)
        precision_recall.add(at, reached)
    positives, negatives = (int(count) for count in above)
    if not (positives and negatives):
        return None
    true, false = roc.chosen((0, 0)).T
    found, wrong = precision_recall.chosen((1, 0)).T
    recalls = found / positives
    recalls[0] = 0  # the point before all thresholds: precision 1, recall 0
    return Curves(
        auc=area / (2 * positives * negatives),
        roc={
            "false_positive_rates": (false / negatives).tolist(),
            "true_positive_rates": (true / positives).tolist(),
        },
        precision_recall={"precisions": (found / (found + wrong)).tolist(), "recalls": recalls.tolist()},
    )


def thinned(curve: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Return the same curve with at most CURVE_POINTS points, evenly taken, both ends among them."""
    length = len(next(iter(curve.values())))
    kept = _evenly(length, CURVE_POINTS).tolist()
    return {name: [values[place] for place in kept] for name, values in curve.items()}


def _evenly(length: int, most: int) -> npt.NDArray[np.intp]:
    return np.linspace(0, length - 1, min(most, length)).round().astype(np.intp)


def _is_corner(at: Counts) -> npt.NDArray[np.bool_]:
    """Whether the ROC curve turns between each threshold and the next: it goes on by other counts."""
    return np.asarray((at[1:] != at[:-1]).any(axis=1))


def _finds_positives(at: Counts) -> npt.NDArray[np.bool_]:
    """Whether a threshold or the next one finds any row of class 1: else recall stays where it is."""
    return np.asarray((at[:-1, 0] != 0) | (at[1:, 0] != 0))


class _Points:
    """The points of one curve, found as the thresholds fall: the first, the last, and those that are wanted.

    wanted: counts at n thresholds → for each but the last, whether it is a point.
    """

    def __init__(self, wanted: Callable[[Counts], npt.NDArray[np.bool_]]) -> None:
        self._wanted = wanted
        self._points = Spill(np.dtype((np.int64, (2,))))
        self._last_at: Counts = np.empty((0, 2), np.int64)
        self._last: Counts = np.empty((0, 2), np.int64)

    def add(self, at: Counts, reached: Counts) -> None:
        """Take in the next thresholds; the last waits for the one after it."""
        at, reached = np.concatenate([self._last_at, at]), np.concatenate([self._last, reached])
        wanted = self._wanted(at)
        if not len(self._points):
            wanted[:1] = True
        self._points.append(reached[:-1][wanted])
        self._last_at, self._last = at[-1:].copy(), reached[-1:].copy()

    def chosen(self, before: tuple[int, int]) -> Counts:
        """Return MONITOR_POINTS at most of a first point, which is before all thresholds, and the points."""
        self._points.append(self._last)
        points = self._points.array()
        places = _evenly(1 + len(points), MONITOR_POINTS)
        return np.concatenate([np.array([before]), points[places[1:] - 1]])


def _falling(actual: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], part: int) -> Iterator[Counts]:
    """Yield the counts at each distinct score, from the highest down, a range of scores at a time."""
    spill, ends, sampled = Spill(_SCORED), [0], []
    for rows in parts(len(scores), part):
        run = _counted(scores[rows], np.stack([actual[rows] == 1, actual[rows] != 1], axis=1))
        spill.append(run)
        ends.append(len(spill))
        sampled.append(run["score"][::SAMPLED].copy())
    written = spill.array()
    runs = [written[first:last] for first, last in pairwise(ends)]
    # As many ranges as make each about as long as a part, however the scores are distributed.
    edges = np.unique(np.sort(np.concatenate(sampled))[:: max(1, part // SAMPLED)])
    cuts = [[*np.searchsorted(run["score"], edges).tolist(), len(run)] for run in runs]
    for place in range(len(edges) - 1, -1, -1):
        here = [run[cut[place] : cut[place + 1]] for run, cut in zip(runs, cuts, strict=True)]
        merged = np.concatenate(here)
        yield _counted(merged["score"], merged["counts"])["counts"][::-1]


def _counted(scores: npt.NDArray[np.float64], counts: npt.NDArray[np.generic]) -> npt.NDArray[np.void]:
    """Return the distinct scores, rising, each with the sum of its counts."""
    order = np.argsort(scores)
    rising = scores[order]
    first = np.flatnonzero(np.concatenate([[True], rising[1:] != rising[:-1]]))
    found = np.empty(len(first), _SCORED)
    found["score"] = rising[first]
    found["counts"] = np.add.reduceat(counts[order].astype(np.int64), first, axis=0)
    return found
