"""One look per candidate or class, the same everywhere on the page: a colour, a marker and a line dash.

The marker and the dash tell series apart without colour.
"""

from __future__ import annotations

from report.markup import Child, Markup, number, tag

COLOURS = 6  # --series-1 … --series-6 in style.css
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")


def style(index: int) -> str:
    """Return the CSS class that sets `--c`, the series' colour."""
    return f"s{index % COLOURS + 1}"


def dash(index: int) -> str | None:
    """Return the stroke-dasharray of the series' line, None for a solid one."""
    return _DASHES[index % len(_DASHES)] or None


def marker(index: int, x: float, y: float, radius: float) -> str:
    """SVG path data of the series' marker around (x, y): circle, square, triangle, diamond, cross, bar."""
    shapes = (_circle, _square, _triangle, _diamond, _cross, _bar)
    return shapes[index % len(shapes)](x, y, radius)


def key(index: int) -> Markup:
    """Return the marker as a small picture to stand before the series' name."""
    drawn = tag("path", d=marker(index, 6, 6, 4.2))
    return tag("svg", drawn, class_=f"key {style(index)}", viewBox="0 0 12 12", aria_hidden="true")


def named(index: int, *name: Child) -> Markup:
    """Return the marker and the series' name, which stay on one line or wrap beside the marker."""
    return tag("span", key(index), tag("span", name), class_="named")


def _polygon(*points: tuple[float, float]) -> str:
    return "M" + "L".join(f"{number(x, 1)} {number(y, 1)}" for x, y in points) + "Z"


def _circle(x: float, y: float, r: float) -> str:
    side, turn = number(r, 1), number(2 * r, 1)
    return f"M{number(x - r, 1)} {number(y, 1)}a{side} {side} 0 1 0 {turn} 0a{side} {side} 0 1 0-{turn} 0Z"


def _square(x: float, y: float, r: float) -> str:
    s = 0.88 * r
    return _polygon((x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s))


def _triangle(x: float, y: float, r: float) -> str:
    return _polygon((x, y - 1.15 * r), (x + 1.1 * r, y + 0.8 * r), (x - 1.1 * r, y + 0.8 * r))


def _diamond(x: float, y: float, r: float) -> str:
    s = 1.2 * r
    return _polygon((x, y - s), (x + s, y), (x, y + s), (x - s, y))


def _cross(x: float, y: float, r: float) -> str:
    a, b = 1.1 * r, 0.36 * r
    return _polygon(
        (x - b, y - a), (x + b, y - a), (x + b, y - b), (x + a, y - b), (x + a, y + b), (x + b, y + b),
        (x + b, y + a), (x - b, y + a), (x - b, y + b), (x - a, y + b), (x - a, y - b), (x - b, y - b),
    )  # fmt: skip


def _bar(x: float, y: float, r: float) -> str:
    return _polygon(
        (x - 1.2 * r, y - 0.4 * r),
        (x + 1.2 * r, y - 0.4 * r),
        (x + 1.2 * r, y + 0.4 * r),
        (x - 1.2 * r, y + 0.4 * r),
    )
