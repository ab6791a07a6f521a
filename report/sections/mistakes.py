"""The worst mistakes of every candidate, as images or as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.facts import Facts
from report.images import fits, image, shape_of, value_range
from report.markup import Child, Markup, join, tag
from report.tables import chart, numbers, table

SHOWN_FEATURES = 8  # of tabular data


def mistakes(facts: Facts) -> Markup | None:
    """Write the section, the champion's mistakes first; None before the evaluation."""
    if not facts.candidates:
        return None
    names = sorted(facts.candidates, key=lambda name: name != facts.champion)
    parts: list[Child] = []
    for name in names:
        content = _of_candidate(facts, name)
        heading = tag("h3", name, tag("span", "champion", class_="won") if name == facts.champion else None)
        parts.append(join(heading, content))
    return tag("section", tag("h2", "Worst mistakes"), parts, id="mistakes")


def _of_candidate(facts: Facts, name: str) -> Markup:
    found: Sequence[Mapping[str, Any]] = facts.candidates[name].get("mistakes") or []
    if not found:
        return tag("p", "No mistake on the test split.")
    shape = shape_of(facts.evaluation, facts.inspection)
    rows = [mistake.get("features") or [] for mistake in found]
    if shape and all(fits(row, shape) for row in rows):
        return _images(facts, name, found, shape)
    return _rows(facts, name, found)


def _title(name: str, found: Sequence[Mapping[str, Any]]) -> str:
    return f"{wording.plural(len(found), 'mistake')} of {name}"


def _images(facts: Facts, name: str, found: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> Markup:
    span = value_range([mistake["features"] for mistake in found])
    cards = [_card(facts, mistake, shape, span) for mistake in found]
    columns = ("Test row", "Actual", "Predicted", "Score")
    rows = [_cells(facts, mistake) for mistake in found]
    data = numbers("The mistakes as a table", table(_title(name, found), columns, rows, numeric=(0, 3)))
    return chart(_title(name, found), tag("ol", cards, class_="mistakes"), data)


def _card(
    facts: Facts, mistake: Mapping[str, Any], shape: tuple[int, int], span: tuple[float, float]
) -> Markup:
    row, actual, predicted, score = _cells(facts, mistake)
    picture = image(mistake["features"], shape, span, f"test row {row}: {actual}, taken for {predicted}")
    told = tag("p", "is ", tag("b", actual), tag("br"), "said ", tag("b", predicted))
    below = tag("small", f"row {row}", f", {score}" if score != wording.MISSING else None)
    return tag("li", picture, told, below)


def _rows(facts: Facts, name: str, found: Sequence[Mapping[str, Any]]) -> Markup:
    described = (facts.inspection or {}).get("features") or []
    width = max(len(mistake.get("features") or []) for mistake in found)
    shown = min(width, SHOWN_FEATURES)
    named = [str(described[i].get("name")) if i < len(described) else f"feature {i}" for i in range(shown)]
    rows = [
        (
            *_cells(facts, mistake),
            *(wording.compact(value) for value in (mistake.get("features") or [])[:shown]),
        )
        for mistake in found
    ]
    columns = ("Test row", "Actual", "Predicted", "Score", *named)
    numeric = (0, *range(3, 4 + shown))
    note = f"The first {shown} of {width} features." if shown < width else None
    return chart(
        _title(name, found), table(_title(name, found), columns, rows, numeric=numeric), None, note=note
    )


def _cells(facts: Facts, mistake: Mapping[str, Any]) -> tuple[str, str, str, str]:
    score = wording.as_number(mistake.get("score"))
    return (
        wording.count(mistake.get("row")),
        wording.class_name(mistake.get("actual"), facts.classes),
        wording.class_name(mistake.get("predicted"), facts.classes),
        wording.MISSING if score is None else f"{score:.3f}",
    )
