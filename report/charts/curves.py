"""ROC and precision-recall curves of the candidates of a binary task, in one picture each.

A candidate without scores (knn answers with a label alone) is one point. Where the curves crowd into a
corner, as those of good models do, a second panel in the empty part of the first shows that corner larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from report import series, wording
from report.charts.axes import Scale, ticks
from report.markup import Markup, join, number, tag
from report.tables import chart, cut, numbers, table

SIZE = (460.0, 400.0)
CROWDED = 0.2  # of each axis: what the second panel shows


@dataclass(frozen=True)
class Line:
    """One candidate: its curve's points (none without scores) and its point at the threshold it uses."""

    name: str
    index: int
    points: Sequence[tuple[float, float]]
    chosen: tuple[float, float] | None
    area: float | None


@dataclass(frozen=True)
class Frame:
    """What is drawn: the axes' names, and the corner (x, y; 0 or 1 each) that a perfect model reaches."""

    title: str
    x: str
    y: str
    corner: tuple[int, int]
    note: str


ROC = Frame(
    "ROC curve",
    "False positive rate",
    "True positive rate",
    (0, 1),
    "Marker: the threshold that the model uses. Diagonal: guessing.",
)
PRECISION_RECALL = Frame(
    "Precision-recall curve", "Recall", "Precision", (1, 1), "Marker: the threshold that the model uses."
)


def curve_chart(frame: Frame, lines: Sequence[Line]) -> Markup:
    """Draw the figure with all candidates' curves, a legend with the areas, and the points as tables."""
    return chart(
        frame.title, join(_picture(frame, lines), _legend(lines)), _numbers(frame, lines), note=frame.note
    )


def _picture(frame: Frame, lines: Sequence[Line]) -> Markup:
    width, height = SIZE
    whole = (Scale(0, 1, 52, width - 14), Scale(0, 1, height - 46, 14))
    guess = _path(((0, 0), (1, 1)), *whole) if frame is ROC else None
    return tag(
        "svg",
        tag("title", f"{frame.title} of {', '.join(line.name for line in lines)}"),
        tag("desc", _described(frame, lines)),
        _grid(*whole, frame),
        tag("path", d=guess, class_="guess") if guess else None,
        _lines(lines, *whole),
        _inset(frame, lines, whole),
        class_="plot",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
    )


def _inset(frame: Frame, lines: Sequence[Line], whole: tuple[Scale, Scale]) -> Markup | None:
    """Return the crowded corner, magnified; None where not all candidates get there."""
    if not lines or not all(_near_corner(line, frame.corner) for line in lines):
        return None
    span = _inset_span(frame, lines)
    cx, _ = frame.corner
    low, high = (0.0, span) if cx == 0 else (1 - span, 1.0)
    left, right = (0.40, 0.96) if cx == 0 else (0.12, 0.68)
    x = Scale(low, high, whole[0](left), whole[0](right))
    y = Scale(1 - span, 1.0, whole[1](0.14), whole[1](0.72))
    ground = _box(x(low) - 40, y(1.0) - 12, x(high) - x(low) + 52, y(1 - span) - y(1.0) + 34)
    source = _box(
        whole[0](low), whole[1](1.0), whole[0](high) - whole[0](low), whole[1](1 - span) - whole[1](1.0)
    )
    clip = f"corner-{'roc' if frame is ROC else 'pr'}"
    window = tag(
        "rect", x=x(low) - 5, y=y(1.0) - 5, width=x(high) - x(low) + 10, height=y(1 - span) - y(1.0) + 10
    )
    return join(
        tag("path", d=source, class_="lens"),
        tag("path", d=ground, class_="ground"),
        _grid(x, y, None),
        tag("clipPath", window, id=clip),
        tag("g", _lines(lines, x, y), clip_path=f"url(#{clip})"),
        tag("path", d=_box(x(low), y(1.0), x(high) - x(low), y(1 - span) - y(1.0)), class_="lens"),
    )


def _near_corner(line: Line, corner: tuple[int, int]) -> bool:
    where = line.chosen
    return where is not None and max(abs(where[0] - corner[0]), abs(where[1] - corner[1])) <= CROWDED


def _inset_span(frame: Frame, lines: Sequence[Line]) -> float:
    """Return the part of each axis that holds every candidate's chosen point, from 0.02 up to `CROWDED`."""
    cx, cy = frame.corner
    farthest = max(max(abs(p[0] - cx), abs(p[1] - cy)) for p in (line.chosen for line in lines) if p)
    return next(span for span in (0.02, 0.05, 0.1, CROWDED) if farthest <= span * 0.95 or span == CROWDED)


def _grid(x: Scale, y: Scale, frame: Frame | None) -> Markup:
    """Grid lines with their values, and the axes' names where a frame is given."""
    parts: list[Markup] = []
    about = 5 if frame else 2
    digits = 1 if frame else 2
    for value in ticks(x.low, x.high, about):
        parts.append(
            tag("path", d=f"M{number(x(value), 1)} {number(y.start, 1)}V{number(y.end, 1)}", class_="grid")
        )
        label = _tick(value, digits)
        parts.append(tag("text", label, x=x(value), y=y.start + 17, text_anchor="middle"))
    for value in ticks(y.low, y.high, about):
        parts.append(
            tag("path", d=f"M{number(x.start, 1)} {number(y(value), 1)}H{number(x.end, 1)}", class_="grid")
        )
        parts.append(tag("text", _tick(value, digits), x=x.start - 7, y=y(value) + 4, text_anchor="end"))
    if frame:
        middle = (y.start + y.end) / 2
        parts.append(tag("text", frame.x, x=(x.start + x.end) / 2, y=y.start + 38, class_="axis"))
        turned = f"rotate(-90 14 {number(middle)})"
        parts.append(tag("text", frame.y, x=14, y=middle, class_="axis", transform=turned))
    return join(parts)


def _tick(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value not in (0.0, 1.0) else f"{value:.0f}"


def _lines(lines: Sequence[Line], x: Scale, y: Scale) -> Markup:
    curves = [
        tag(
            "path",
            d=_path(line.points, x, y),
            class_=f"line {series.style(line.index)}",
            stroke_dasharray=series.dash(line.index),
        )
        for line in lines
        if line.points
    ]
    marks = [
        tag(
            "path",
            d=series.marker(line.index, x(line.chosen[0]), y(line.chosen[1]), 5),
            class_=f"mark {series.style(line.index)}",
        )
        for line in lines
        if line.chosen and x.low <= line.chosen[0] <= x.high and y.low <= line.chosen[1] <= y.high
    ]
    return join(curves, marks)


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    """Return the points joined, those left out that lie within a tenth of a pixel of the one before."""
    at = [(number(x(a), 1), number(y(b), 1)) for a, b in points]
    kept = [at[0], *(point for before, point in pairwise(at) if point != before)]
    return "M" + "L".join(f"{a} {b}" for a, b in kept)


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{number(x, 1)} {number(y, 1)}h{number(width, 1)}v{number(height, 1)}h{number(-width, 1)}z"


def _legend(lines: Sequence[Line]) -> Markup:
    def entry(line: Line) -> Markup:
        stroke = tag("path", d="M0 6H30", class_="line", stroke_dasharray=series.dash(line.index))
        mark = tag("path", d=series.marker(line.index, 15, 6, 4.8), class_="mark")
        sample = tag(
            "svg",
            stroke if line.points else None,
            mark,
            viewBox="0 0 30 12",
            class_=f"sample {series.style(line.index)}",
            aria_hidden="true",
        )
        text = "labels only: one point" if not line.points else None
        area = f"AUC {wording.decimal(line.area)}" if line.area is not None else None
        return tag("li", sample, tag("span", line.name), tag("span", area or text, class_="quiet"))

    return tag("ul", (entry(line) for line in lines), class_="legend")


def _described(frame: Frame, lines: Sequence[Line]) -> str:
    points = (
        f"{line.name} at its threshold: "
        f"{frame.x.lower()} {line.chosen[0]:.4f}, {frame.y.lower()} {line.chosen[1]:.4f}"
        for line in lines
        if line.chosen
    )
    return "; ".join(points)


def _numbers(frame: Frame, lines: Sequence[Line]) -> Markup:
    chosen = [
        (line.name, *(wording.decimal(v) for v in line.chosen or (None, None)), wording.decimal(line.area))
        for line in lines
    ]
    at_threshold = table(
        "At the threshold that each model uses",
        ("Candidate", frame.x, frame.y, "AUC"),
        chosen,
        numeric=(1, 2, 3),
        show_caption=True,
    )
    curves = []
    for line in lines:
        if line.points:
            rows, note = cut(
                [(i + 1, wording.decimal(a), wording.decimal(b)) for i, (a, b) in enumerate(line.points)]
            )
            curves.append(
                join(
                    table(
                        f"Curve of {line.name}",
                        ("Point", frame.x, frame.y),
                        rows,
                        numeric=(0, 1, 2),
                        class_="dense",
                        show_caption=True,
                    ),
                    note,
                )
            )
    return numbers(f"{frame.title} as tables", at_threshold, tag("div", curves, class_="beside"))
