"""The figures of a model that always answers the most frequent class: what a candidate has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report import wording
from report.charts.confusion import labels_of


def baseline(matrix: Mapping[str, Mapping[str, Any]], *, binary: bool) -> dict[str, float] | None:
    """Accuracy, precision, recall, F1 and macro F1 on the rows that `matrix` counts; None without rows.

    The most frequent class is the test split's own. Its precision is its share p and its recall is 1, so its
    F1 is 2p / (1 + p); every other class has 0. Binary figures are those of the class 1.
    """
    supports = {
        label: sum(wording.as_number(n) or 0.0 for n in (matrix.get(label) or {}).values())
        for label in labels_of(matrix)
    }
    total = sum(supports.values())
    if not total:
        return None
    commonest = max(supports, key=lambda label: supports[label])
    share, classes = supports[commonest] / total, len(supports)
    f1 = 2 * share / (1 + share)
    macro = {"accuracy": share, "macro_f1": f1 / classes}
    if binary:
        positive = commonest == "1"
        return macro | {"precision": share * positive, "recall": 1.0 * positive, "f1": f1 * positive}
    return macro | {"precision": share / classes, "recall": 1 / classes, "f1": f1 / classes}
