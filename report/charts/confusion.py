"""A confusion matrix as a heat map that is itself the table of its counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.markup import Markup, join, tag
from report.tables import chart, numbers, scrollable, table

LEVELS = 5  # --hit-1 … --hit-5 and --miss-1 … --miss-5 in style.css
ROOMY = 4  # classes up to which a cell also has its share


def labels_of(matrix: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """All labels of a matrix, actual and predicted, by value where they are numbers."""
    found = dict.fromkeys([*matrix, *(label for row in matrix.values() for label in row)])
    return sorted(
        found, key=lambda label: (wording.as_number(label) is None, wording.as_number(label) or 0.0, label)
    )


def level(share: float) -> int:
    """0 (nothing) to `LEVELS`; by the root of the share, because errors worth seeing are a few per cent."""
    return 0 if share <= 0 else max(1, math.ceil(LEVELS * math.sqrt(share) - 1e-9))


def confusion_chart(
    title: str,
    matrix: Mapping[str, Mapping[str, Any]],
    per_class: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    *,
    won: bool = False,
) -> Markup:
    """Draw one candidate's matrix, rows actual and columns predicted, with its figures by class."""
    labels = labels_of(matrix)
    head = (tag("th", wording.class_name(label, names), scope="col") for label in labels)
    corner = tag("td", class_="corner")
    over = tag("tr", corner, tag("th", "predicted", scope="colgroup", colspan=len(labels), class_="over"))
    body = [_row(label, labels, matrix.get(label) or {}, names) for label in labels]
    inner = tag(
        "table",
        tag("caption", f"Confusion matrix of {title}: rows are the actual class", class_="unseen"),
        tag("thead", over, tag("tr", tag("th", "actual", scope="col", class_="corner over"), head)),
        tag("tbody", body),
        class_="heat" if len(labels) <= ROOMY else "heat many",
    )
    return chart(
        title,
        scrollable(inner, f"Confusion matrix of {title}"),
        _numbers(title, labels, per_class, names),
        class_="matrix",
        won=won,
    )


def _row(label: str, labels: Sequence[str], row: Mapping[str, Any], names: Sequence[str]) -> Markup:
    total = sum(wording.as_number(row.get(other)) or 0.0 for other in labels)
    cells = [
        _cell(wording.as_number(row.get(other)) or 0.0, total, other == label, len(labels) <= ROOMY)
        for other in labels
    ]
    return tag("tr", tag("th", wording.class_name(label, names), scope="row"), cells)


def _cell(amount: float, total: float, hit: bool, roomy: bool) -> Markup:
    share = amount / total if total else 0.0
    kind = f"{'hit' if hit else 'miss'} l{level(share)}"
    below = tag("small", wording.percent(share)) if roomy and total else None
    return tag("td", tag("b", wording.count(amount)) if hit else wording.count(amount), below, class_=kind)


def _numbers(
    title: str, labels: Sequence[str], per_class: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> Markup:
    rows = [
        (
            wording.class_name(label, names),
            *(
                wording.decimal((per_class.get(label) or {}).get(key))
                for key in ("precision", "recall", "f1")
            ),
            wording.count((per_class.get(label) or {}).get("support")),
        )
        for label in labels
    ]
    columns = ("Class", "Precision", "Recall", "F1", "Test rows")
    return numbers(
        "Figures by class", table(f"Figures by class of {title}", columns, rows, numeric=(1, 2, 3, 4))
    )


def heat_key() -> Markup:
    """Return what the shades mean, in words beside them."""
    hits = [tag("span", class_=f"hit l{n}") for n in range(1, LEVELS + 1)]
    errors = [tag("span", class_=f"miss l{n}") for n in range(1, LEVELS + 1)]
    return tag(
        "p",
        join("Right, on the diagonal in bold ", tag("span", hits, class_="ramp", aria_hidden="true")),
        join("  wrong ", tag("span", errors, class_="ramp", aria_hidden="true")),
        "  the stronger the shade, the larger the share of the actual class.",
        class_="note",
    )
