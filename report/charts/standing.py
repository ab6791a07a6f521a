"""Where the candidates stand against each other and against the quality gate: dots on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

from report import series, wording
from report.markup import Markup, join, number, tag
from report.tables import chart, table


def standing_chart(
    metric: str,
    values: Mapping[str, float | None],
    champion: str,
    threshold: float | None,
    parameter: str | None,
) -> Markup:
    """Draw the figure: a row per candidate, best first, a line where the threshold lies.

    The scale starts at the round tenth below the lowest figure and ends at 1; dots, not bars, so a scale
    that does not start at 0 tells no lie about proportions.
    """
    known = [value for value in (*values.values(), threshold) if value is not None]
    low = max(0.0, floor(min(known) * 10 - 0.25) / 10) if known else 0.0
    order = sorted(values, key=lambda name: (name != champion, -(values[name] or 0.0)))
    rows = [
        (
            series.named(
                list(values).index(name),
                name,
                tag("span", "champion", class_="won") if name == champion else None,
            ),
            _track(list(values).index(name), values[name], threshold, low, name == champion),
            join(wording.decimal(values[name]), _distance(values[name], threshold)),
        )
        for name in order
    ]
    title = wording.metric_name(metric)
    gate = f"{parameter or 'threshold'} {threshold:g}" if threshold is not None else None
    name = tag("span", gate, class_="gate", style=_label(threshold, low)) if threshold is not None else None
    scale = tag("div", tag("span", f"{low:g}"), name, tag("span", "1"), class_="scale")
    columns = ("Candidate", scale, join(title, tag("small", "to threshold") if gate else None))
    body = table(f"{title} of the candidates", columns, rows, numeric=(2,), class_="standing")
    return chart(f"{title} of the candidates", body, None)


def _track(index: int, value: float | None, threshold: float | None, low: float, champion: bool) -> Markup:
    gate = tag("i", class_="gate", style=_place(threshold, low)) if threshold is not None else None
    if value is None:
        return tag("div", gate, class_="track", aria_hidden="true")
    dot = tag("path", d=series.marker(index, 8, 8, 6.2 if champion else 4.6))
    picture = tag(
        "svg", dot, viewBox="0 0 16 16", class_=f"dot {series.style(index)}", style=_place(value, low)
    )
    return tag("div", gate, picture, class_="track", aria_hidden="true")


def _percentage(value: float, low: float) -> str:
    """Return where `value` lies on the scale from `low` to 1; values off the scale stay at its ends."""
    share = (value - low) / (1 - low) if low < 1 else 1.0
    return f"{number(100 * min(1.0, max(0.0, share)), 2)}%"


def _place(value: float, low: float) -> str:
    return f"left:{_percentage(value, low)}"


def _label(value: float, low: float) -> str:
    """Return the place of a word at `value`, shifted so that it never leaves the scale."""
    return f"left:{_percentage(value, low)};transform:translateX(-{_percentage(value, low)})"


def _distance(value: float | None, threshold: float | None) -> Markup | None:
    if value is None or threshold is None:
        return None
    return tag("small", f"{value - threshold:+.4f}".replace("-", "−"))
