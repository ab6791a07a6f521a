"""Cross-validation: how far a candidate's figure depends on which rows it is tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import Any

from report import series, wording
from report.facts import Facts
from report.markup import Markup, join, number, tag
from report.tables import chart, numbers, table

ORDER = ("accuracy", "precision", "recall", "f1", "macro_f1")


def folds(facts: Facts) -> Markup | None:
    """Write the section; None where no folds belong to the execution."""
    found: Mapping[str, Any] = facts.execution.get("cross_validation") or {}
    candidates: Mapping[str, Mapping[str, Any]] = found.get("candidates") or {}
    if not candidates:
        return None
    metric = facts.metric
    if any(metric not in figures for figures in candidates.values()):
        metric = "macro_f1"
    note = (
        f"Each candidate was trained {found['folds']} times, each time without another fold of the rows, and "
        "tested with that fold. A dot is a fold."
    )
    warnings = [tag("li", str(text)) for text in found.get("warnings") or []]
    return tag(
        "section",
        tag("h2", "Cross-validation"),
        tag("div", tag("ul", warnings), class_="warnings") if warnings else None,
        _chart(metric, candidates, note),
        numbers("Figures of every fold", *(_figures(name, each) for name, each in candidates.items())),
        id="folds",
    )


def _chart(metric: str, candidates: Mapping[str, Mapping[str, Any]], note: str) -> Markup:
    every = [value for figures in candidates.values() for value in figures[metric]["folds"]]
    low = max(0.0, floor(min(every) * 10 - 0.25) / 10)
    title = wording.metric_name(metric)
    rows = [
        (
            series.named(index, name, None),
            _track(index, figures[metric]["folds"], low),
            join(
                wording.decimal(figures[metric]["mean"]),
                tag("small", f"± {figures[metric]['deviation']:.4f}"),
            ),
        )
        for index, (name, figures) in enumerate(candidates.items())
    ]
    scale = tag("div", tag("span", f"{low:g}"), tag("span", "1"), class_="scale")
    columns = ("Candidate", scale, join("mean", tag("small", "± deviation")))
    body = table(f"{title} of the folds", columns, rows, numeric=(2,), class_="standing")
    return chart(f"{title} of the folds", body, None, note=note)


def _track(index: int, values: Sequence[float], low: float) -> Markup:
    dots = []
    for value in values:
        share = min(1.0, max(0.0, (value - low) / (1 - low))) if low < 1 else 1.0
        dot = tag("path", d=series.marker(index, 8, 8, 4.6))
        dots.append(
            tag(
                "svg",
                dot,
                viewBox="0 0 16 16",
                class_=f"dot {series.style(index)}",
                style=f"left:{number(100 * share, 2)}%",
            )
        )
    return tag("div", dots, class_="track", aria_hidden="true")


def _figures(name: str, figures: Mapping[str, Any]) -> Markup:
    """One candidate's table: a row a figure, a column a fold."""
    keys = [key for key in ORDER if key in figures]
    count = len(figures[keys[0]]["folds"])
    columns = ("Figure", "Mean", "Deviation", *(f"Fold {fold}" for fold in range(1, count + 1)))
    rows = [
        (
            wording.metric_name(key),
            *(
                wording.decimal(value)
                for value in (figures[key]["mean"], figures[key]["deviation"], *figures[key]["folds"])
            ),
        )
        for key in keys
    ]
    return table(
        f"{name}: figures of every fold",
        columns,
        rows,
        numeric=range(1, len(columns)),
        class_="dense",
        show_caption=True,
    )
