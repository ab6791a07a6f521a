"""The candidates side by side: figures, confusion matrices, curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from report import series, wording
from report.baseline import baseline
from report.charts.confusion import confusion_chart, heat_key
from report.charts.curves import PRECISION_RECALL, ROC, Line, curve_chart
from report.facts import Facts
from report.markup import Child, Markup, join, tag
from report.tables import scrollable

ORDER = ("accuracy", "precision", "recall", "f1", "f_beta", "macro_f1", "auc")


def comparison(facts: Facts) -> Markup | None:
    """Write the section; None before the evaluation."""
    if not facts.candidates:
        return None
    rows = (facts.evaluation or {}).get("rows")
    tested = f" on {wording.count(rows)} test rows" if wording.as_number(rows) is not None else ""
    return tag(
        "section",
        tag("h2", "Candidates"),
        _warnings(facts),
        tag("h3", f"Figures{tested}"),
        _figures(facts),
        tag("h3", "Confusion matrices"),
        heat_key(),
        tag("div", _matrices(facts), class_="grid wide" if len(facts.classes) > 4 else "grid"),
        _curves(facts),
        id="candidates",
    )


def is_binary(facts: Facts) -> bool:
    """Whether the champion was evaluated as a binary problem."""
    evaluation = facts.evaluation or {}
    return "binary_classification_metrics" in evaluation or (
        "multiclass_classification_metrics" not in evaluation and len(facts.classes) == 2
    )


def _warnings(facts: Facts) -> Markup | None:
    warnings = (facts.evaluation or {}).get("warnings") or []
    if not warnings:
        return None
    items = tag("ul", (tag("li", str(text)) for text in warnings))
    return tag("div", tag("h3", "Warnings of the evaluation"), items, class_="warnings")


def _figures(facts: Facts) -> Markup:
    keys = [
        key
        for key in ORDER
        if any(wording.as_number(c.get(key)) is not None for c in facts.candidates.values())
    ]
    if not is_binary(facts) and "f1" in keys and "macro_f1" in keys:
        keys.remove("f1")  # the same figure: a multiclass F1 is the macro average
    if all(c.get("f_beta") == c.get("f1") for c in facts.candidates.values()) and "f_beta" in keys:
        keys.remove("f_beta")  # beta is 1
    best = {key: max(wording.as_number(c.get(key)) or 0.0 for c in facts.candidates.values()) for key in keys}
    heads = [tag("th", _head(key, facts), scope="col", class_="figure") for key in keys]
    rows = [_candidate(facts, i, name, keys, best) for i, name in enumerate(facts.candidates)]
    inner = tag(
        "table",
        tag("caption", "Figures of the candidates", class_="unseen"),
        tag("thead", tag("tr", tag("th", "Candidate", scope="col"), heads)),
        tag("tbody", rows, _baseline(facts, keys)),
        class_="candidates",
    )
    note = "Bold with a dot: the best of its column."
    if is_binary(facts) and len(facts.classes) > 1:
        note += f" Precision, recall and F1 are those of the class “{facts.classes[1]}”."
    elif not is_binary(facts):
        note += " Precision, recall and F1 are means over the classes (macro averages)."
    return join(scrollable(inner, "Figures of the candidates"), tag("p", note, class_="note"))


def _head(key: str, facts: Facts) -> Markup:
    decides = (
        tag("small", " decides")
        if key == facts.metric or (key == "macro_f1" and facts.metric == "f1" and not is_binary(facts))
        else None
    )
    return join(wording.metric_name(key), decides)


def _candidate(facts: Facts, index: int, name: str, keys: list[str], best: Mapping[str, float]) -> Markup:
    figures = facts.candidates[name]
    cells = []
    for key in keys:
        value = wording.as_number(figures.get(key))
        top = value is not None and value == best[key]
        cells.append(tag("td", wording.decimal(value), class_="figure best" if top else "figure"))
    won = tag("span", "champion", class_="won") if name == facts.champion else None
    return tag("tr", tag("th", series.named(index, name, won), scope="row"), cells)


def _baseline(facts: Facts, keys: list[str]) -> Markup | None:
    figures = baseline(_matrix(next(iter(facts.candidates.values()))), binary=is_binary(facts))
    if figures is None:
        return None
    cells = (tag("td", wording.decimal(figures.get(key)), class_="figure") for key in keys)
    return tag(
        "tr", tag("th", "Baseline: always the most frequent class", scope="row"), cells, class_="baseline"
    )


def _matrix(figures: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    matrix: Mapping[str, Mapping[str, Any]] = figures.get("confusion_matrix") or {}
    return matrix


def _matrices(facts: Facts) -> list[Markup]:
    return [
        confusion_chart(
            name, _matrix(figures), figures.get("per_class") or {}, facts.classes, won=name == facts.champion
        )
        for name, figures in facts.candidates.items()
        if _matrix(figures)
    ]


def _curves(facts: Facts) -> Child:
    """ROC and precision-recall curves, where at least one candidate of a binary task has scores."""
    candidates = facts.candidates.items()
    if not is_binary(facts) or not any(c.get("roc") or c.get("precision_recall") for _, c in candidates):
        return None
    roc, precision_recall = [], []
    for index, (name, figures) in enumerate(candidates):
        false_positives, recall, precision = _operating_point(_matrix(figures))
        area = wording.as_number(figures.get("auc"))
        points = _points(figures.get("roc"), "false_positive_rates", "true_positive_rates")
        roc.append(Line(name, index, points, _pair(false_positives, recall), area))
        points = _points(figures.get("precision_recall"), "recalls", "precisions")
        precision_recall.append(Line(name, index, points, _pair(recall, precision), None))
    grid = tag(
        "div", curve_chart(ROC, roc), curve_chart(PRECISION_RECALL, precision_recall), class_="grid wide"
    )
    return join(tag("h3", "Curves"), grid)


def _points(curve: Mapping[str, Any] | None, x: str, y: str) -> list[tuple[float, float]]:
    if not curve:
        return []
    pairs = ((wording.as_number(a), wording.as_number(b)) for a, b in zip(curve[x], curve[y], strict=True))
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def _pair(a: float | None, b: float | None) -> tuple[float, float] | None:
    return None if a is None or b is None else (a, b)


def _operating_point(
    matrix: Mapping[str, Mapping[str, Any]],
) -> tuple[float | None, float | None, float | None]:
    """Return (false positive rate, recall, precision) of the labels that the model gave; None where 0 / 0."""

    def cell(actual: str, predicted: str) -> float:
        return wording.as_number((matrix.get(actual) or {}).get(predicted)) or 0.0

    def ratio(part: float, rest: float) -> float | None:
        return part / (part + rest) if part + rest else None

    hit, false_alarm = cell("1", "1"), cell("0", "1")
    return ratio(false_alarm, cell("0", "0")), ratio(hit, cell("1", "0")), ratio(hit, false_alarm)
