"""Both sweeps as pictures: time per row (or value) against the cheapest size, and memory, over the sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

from report.charts.axes import Scale, ticks
from report.markup import Markup, join, number, tag
from report.series import marker

COLOURS = ("#0067a5", "#c4500a", "#007d5c", "#98408d", "#866a00", "#48515a", "#b3243a", "#3f48a8")
DASHES = ("", "7 3", "2 3", "9 3 2 3")
WIDTH, PANEL, TOP, ENTRY = 920.0, 300.0, 58.0, 21.0
BAND = 0.15
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b2127}.title{font-weight:600;font-size:14px}"
    ".grid{stroke:#e2ded6}.band{fill:#dff1ea}.line{fill:none;stroke-width:2}"
)


@dataclass(frozen=True)
class Curve:
    """One work: its time per unit in µs, and its memory in MB, at each size."""

    name: str
    sizes: Sequence[int]
    per_unit_us: Sequence[float]
    peak_mb: Sequence[float]


def write_plot(path: Path, unit: str, curves: Sequence[Curve]) -> None:
    """Draw curves over rows (unit `row`) or columns (unit `value`) into an SVG file, where there are any."""
    if not curves:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_drawn(unit, curves), encoding="utf-8")


def _drawn(unit: str, curves: Sequence[Curve]) -> str:
    what = "rows" if unit == "row" else "columns"
    relative = [[time / min(c.per_unit_us) for time in c.per_unit_us] for c in curves]
    largest = max(max(c.peak_mb) for c in curves)
    low, high = 0.9, max(1.3, *(max(times) * 1.02 for times in relative))
    bottom = TOP + PANEL
    times = Scale(low, high, bottom, TOP)
    memory = Scale(0, largest * 1.1, bottom, TOP)
    left, right = _across(curves, 62, 440), _across(curves, 530, WIDTH - 14)
    height = bottom + 70 + ENTRY * ((len(curves) + 1) // 2)
    band = (times(1 + BAND), times(1))
    picture = tag(
        "svg",
        tag("title", f"Time per {unit} and memory over the {what}"),
        tag("style", STYLE),
        tag("rect", width=WIDTH, height=height, fill="#ffffff"),
        tag("rect", x=62, y=band[0], width=378, height=band[1] - band[0], class_="band"),
        _frame(
            left,
            times,
            f"Time per {unit} against the cheapest size (band: 15 %)",
            what,
            curves,
            "{:.2f}",
        ),
        _frame(right, memory, "Most anonymous memory, MB", what, curves, "{:.0f}"),
        [_curve(i, c.sizes, ys, left, times) for i, (c, ys) in enumerate(zip(curves, relative, strict=True))],
        [_curve(i, c.sizes, c.peak_mb, right, memory) for i, c in enumerate(curves)],
        [_entry(i, c, bottom + 62) for i, c in enumerate(curves)],
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(WIDTH)} {number(height)}",
        role="img",
    )
    return f"{picture}\n"


def _across(curves: Sequence[Curve], start: float, end: float) -> Callable[[float], float]:
    sizes = [size for curve in curves for size in curve.sizes]
    scale = Scale(log2(min(sizes)), log2(max(sizes)), start + 14, end - 14)
    return lambda size: scale(log2(size))


def _frame(
    x: Callable[[float], float], y: Scale, title: str, what: str, curves: Sequence[Curve], form: str
) -> Markup:
    sizes = sorted({size for curve in curves for size in curve.sizes})
    first, last = x(sizes[0]) - 14, x(sizes[-1]) + 14
    parts = [tag("text", title, x=first - 30, y=TOP - 26, class_="title")]
    for value in ticks(y.low, y.high, 6):
        parts.append(tag("path", d=f"M{number(first)} {number(y(value))}H{number(last)}", class_="grid"))
        parts.append(tag("text", form.format(value), x=first - 8, y=y(value) + 4, text_anchor="end"))
    for size in sizes:
        parts.append(tag("text", _short(size), x=x(size), y=y.start + 20, text_anchor="middle"))
    parts.append(tag("text", what, x=(first + last) / 2, y=y.start + 40, text_anchor="middle"))
    return join(parts)


def _short(size: int) -> str:
    if size >= 1_000_000:
        return f"{size / 1e6:g} M"
    return f"{size // 1000} k" if size >= 10_000 else f"{size:,}"


def _curve(
    index: int, sizes: Sequence[int], values: Sequence[float], x: Callable[[float], float], y: Scale
) -> Markup:
    points = [(x(size), y(value)) for size, value in zip(sizes, values, strict=True)]
    path = "M" + "L".join(f"{number(a, 1)} {number(b, 1)}" for a, b in points)
    colour = COLOURS[index % len(COLOURS)]
    dash = DASHES[index % len(DASHES)] or None
    marks = (tag("path", d=marker(index, a, b, 4), fill=colour) for a, b in points)
    return join(tag("path", d=path, class_="line", stroke=colour, stroke_dasharray=dash), marks)


def _entry(index: int, curve: Curve, top: float) -> Markup:
    left, y = 40 + (WIDTH / 2 - 10) * (index % 2), top + ENTRY * (index // 2)
    colour = COLOURS[index % len(COLOURS)]
    dash = DASHES[index % len(DASHES)] or None
    least = min(curve.per_unit_us)
    shown = f"{least:.3g} µs" if least >= 0.1 else f"{least * 1000:.3g} ns"
    stroke = f"M{number(left)} {number(y)}h34"
    return join(
        tag("path", d=stroke, class_="line", stroke=colour, stroke_dasharray=dash),
        tag("path", d=marker(index, left + 17, y, 4), fill=colour),
        tag("text", f"{curve.name}: {shown}", x=left + 42, y=y + 4),
    )
