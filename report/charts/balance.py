"""Class balance: per split, how many rows each class has, as bars in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.charts.confusion import labels_of
from report.markup import Markup, number, tag
from report.tables import chart, table

SPLITS = ("train", "validation", "test")


def balance_chart(balance: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Markup | None:
    """Draw the figure, or None where no split has a row; a bar is the class's share of its split."""
    splits = [split for split in (*SPLITS, *sorted(set(balance) - set(SPLITS))) if balance.get(split)]
    if not splits:
        return None
    labels = labels_of({split: balance[split] for split in splits})
    labels = [label for label in labels if label not in splits]
    totals = {s: sum(wording.as_number(n) or 0.0 for n in balance[s].values()) for s in splits}
    widest = max(
        (wording.as_number(balance[s].get(label)) or 0.0) / (totals[s] or 1.0)
        for s in splits
        for label in labels
    )
    rows = [
        (wording.class_name(label, names), *(_bar(balance[s].get(label), totals[s], widest) for s in splits))
        for label in labels
    ]
    heads = [tag("span", s, tag("small", f" {wording.count(totals[s])} rows")) for s in splits]
    note = "Rows of each class and their share of the split; a bar's length is that share."
    body = table("Class balance by split", ("Class", *heads), rows, class_="bars")
    return chart("Class balance", body, None, note=note)


def _bar(amount: Any, total: float, widest: float) -> Markup:
    rows = wording.as_number(amount) or 0.0
    share = rows / total if total else 0.0
    length = number(100 * share / widest if widest else 0.0, 1)
    return tag(
        "div",
        tag("span", class_="bar", style=f"width:{length}%", aria_hidden="true"),
        tag("span", tag("b", wording.count(rows)), " ", tag("small", wording.percent(share)), class_="label"),
        class_="barcell",
    )
