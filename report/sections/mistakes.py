"""The worst mistakes of every candidate, as images or as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.facts import Facts
from report.images import fits, image, shape_of, value_range
from report.markup import Markup, join, tag
from report.tables import chart, numbers, table

SHOWN_FEATURES = 8  # of tabular data


def mistakes(facts: Facts) -> Markup | None:
    """Write the section, the champion's mistakes first; None before the evaluation."""
    if not facts.candidates:
        return None
    names = sorted(facts.candidates, key=lambda name: name != facts.champion)
    shown = [_of(facts, name) if name == facts.champion else _folded(facts, name) for name in names]
    return tag("section", tag("h2", "Worst mistakes"), tag("p", _intro(facts)), shown, id="mistakes")


def _intro(facts: Facts) -> str:
    scored = any(
        m.get("score") is not None for c in facts.candidates.values() for m in c.get("mistakes") or []
    )
    if not scored:
        return "Wrong answers on the test split."
    whose = f"the class “{facts.classes[1]}”" if len(facts.classes) == 2 else "the predicted class"
    return f"The wrong answers that each candidate was surest of. A score is that of {whose}."


def _folded(facts: Facts, name: str) -> Markup:
    summary = tag("summary", f"{name}: {_amount(facts, name)}")
    return tag("details", summary, _of(facts, name), class_="fold")


def _of(facts: Facts, name: str) -> Markup:
    """One candidate's figure: images where the task has images, else rows."""
    found: Sequence[Mapping[str, Any]] = facts.candidates[name].get("mistakes") or []
    won = name == facts.champion
    if not found:
        return chart(name, tag("p", "No mistake on the test split.", class_="note"), None, won=won)
    shape = shape_of(facts.evaluation, facts.inspection)
    if shape and all(fits(mistake.get("features") or [], shape) for mistake in found):
        body, data, more = _images(facts, name, found, shape)
    else:
        body, data, more = _rows(facts, name, found)
    return chart(name, body, data, note=f"{_amount(facts, name)}. {more}".strip(), won=won)


def _amount(facts: Facts, name: str) -> str:
    """How many mistakes are shown of how many: `20 of 108 mistakes`."""
    shown = len(facts.candidates[name].get("mistakes") or [])
    wrong = max(_wrong(facts.candidates[name]), shown)
    return (
        f"{shown} of {wording.plural(wrong, 'mistake')}"
        if shown < wrong
        else wording.plural(wrong, "mistake")
    )


def _wrong(figures: Mapping[str, Any]) -> int:
    """How many test rows the candidate got wrong: all that lies off its matrix's diagonal."""
    matrix = figures.get("confusion_matrix") or {}
    return sum(
        int(n) for actual, row in matrix.items() for predicted, n in row.items() if predicted != actual
    )


def _images(
    facts: Facts, name: str, found: Sequence[Mapping[str, Any]], shape: tuple[int, int]
) -> tuple[Markup, Markup | None, str]:
    span = value_range([mistake["features"] for mistake in found])
    cards = [_card(facts, mistake, shape, span) for mistake in found]
    columns = ("Test row", "Actual", "Predicted", "Score")
    rows = [_cells(facts, mistake) for mistake in found]
    data = table(f"Mistakes of {name}", columns, rows, numeric=(0, 3))
    return tag("ol", cards, class_="mistakes"), numbers("The mistakes as a table", data), ""


def _card(
    facts: Facts, mistake: Mapping[str, Any], shape: tuple[int, int], span: tuple[float, float]
) -> Markup:
    row, actual, predicted, score = _cells(facts, mistake)
    picture = image(mistake["features"], shape, span, f"test row {row}: {actual}, taken for {predicted}")
    told = tag("p", "is ", tag("b", actual), tag("br"), "said ", tag("b", predicted))
    below = tag(
        "small", f"row {row}", join(tag("br"), f"score {score}") if score != wording.MISSING else None
    )
    return tag("li", picture, told, below)


def _rows(facts: Facts, name: str, found: Sequence[Mapping[str, Any]]) -> tuple[Markup, Markup | None, str]:
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
    body = table(f"Mistakes of {name}", columns, rows, numeric=(0, *range(3, 4 + shown)))
    return body, None, f"The first {shown} of {width} features." if shown < width else ""


def _cells(facts: Facts, mistake: Mapping[str, Any]) -> tuple[str, str, str, str]:
    score = wording.as_number(mistake.get("score"))
    return (
        wording.count(mistake.get("row")),
        wording.class_name(mistake.get("actual"), facts.classes),
        wording.class_name(mistake.get("predicted"), facts.classes),
        wording.MISSING if score is None else f"{score:.3f}",
    )
