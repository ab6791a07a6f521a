"""The scatter matrix of tabular data with few features.

Below the diagonal every pair of features, on it each feature's distribution by class, above it the
correlation of the pair, since a mirrored scatter would say nothing new.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from report import series, wording
from report.charts.axes import Scale, padded, ticks
from report.markup import Child, Markup, join, number, tag
from report.tables import chart, long_numbers, scrollable

MOST_FEATURES = 6
BINS = 12
LEFT, BOTTOM, GUTTER = 46.0, 22.0, 10.0


def scatter_matrix(
    rows: Sequence[Sequence[float]],
    labels: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    figures: Markup,
) -> Markup:
    """Draw the figure for `rows` (n x up to 6) with their class names and the order of the classes.

    `figures` are the features' folded figures, which stand below the rows.
    """
    count = len(features)
    side = 150.0 if count <= 4 else 118.0
    span = LEFT + count * side + (count - 1) * GUTTER + 4
    ranges = [padded([row[i] for row in rows]) for i in range(count)]
    panels = [
        _panel(rows, labels, features, classes, ranges, (i, j), side)
        for i in range(count)
        for j in range(count)
    ]
    picture = tag(
        "svg",
        tag("title", f"Scatter matrix of {', '.join(features)}"),
        tag("desc", f"{wording.plural(len(rows), 'row')} of the training split, {', '.join(classes)}"),
        panels,
        class_="plot scatter",
        viewBox=f"0 0 {number(span)} {number(span - LEFT + BOTTOM + 4)}",
        style=f"max-width:{number(span)}px;min-width:{number(min(span, 130.0 * count))}px",
        role="img",
    )
    legend = tag("ul", (tag("li", series.named(i, name)) for i, name in enumerate(classes)), class_="legend")
    data: list[tuple[Child, ...]] = [
        (i + 1, *(wording.compact(value) for value in row), label)
        for i, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]
    table = long_numbers(
        "The rows as a table",
        "Rows of the scatter matrix",
        ("Row", *features, "Class"),
        data,
        range(count + 1),
    )
    note = (
        f"{wording.plural(len(rows), 'row')} of the training split. On the diagonal: distribution by class; "
        "above it: Pearson correlation of all rows."
    )
    return chart(
        "Scatter matrix", join(legend, scrollable(picture, "Scatter matrix")), join(table, figures), note=note
    )


def _panel(
    rows: Sequence[Sequence[float]],
    labels: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    ranges: Sequence[tuple[float, float]],
    cell: tuple[int, int],
    side: float,
) -> Markup:
    i, j = cell  # row and column of the matrix: feature i over feature j
    left, top = LEFT + j * (side + GUTTER), 2 + i * (side + GUTTER)
    x, y = Scale(*ranges[j], left, left + side), Scale(*ranges[i], top + side, top)
    parts: list[Markup] = []
    if j > i:
        r = correlation([row[i] for row in rows], [row[j] for row in rows])
        parts.append(
            tag(
                "text",
                "–" if r is None else f"{r:+.2f}".replace("-", "−"),
                x=left + side / 2,
                y=top + side / 2 + 6,
                class_="correlation",
            )
        )
    else:
        frame = f"M{number(left, 1)} {number(top, 1)}h{number(side, 1)}v{number(side, 1)}h{number(-side, 1)}z"
        parts.append(tag("path", d=frame, class_="frame"))
    for index, name in enumerate(classes):
        mine = [row for row, label in zip(rows, labels, strict=True) if label == name]
        if i == j:
            parts.append(_distribution([row[i] for row in mine], x, top, side, index))
        elif j < i:
            points = "".join(series.marker(index, x(row[j]), y(row[i]), 2.5) for row in mine)
            parts.append(
                tag("path", d=points, class_=f"points {series.style(index)}") if points else Markup("")
            )
    if i == j:
        parts.append(tag("text", features[i], x=left + side / 2, y=top + 15, class_="feature"))
    parts.append(_ticks(x, y, cell, len(features), (left, top, side)))
    return join(parts)


def _distribution(values: Sequence[float], x: Scale, top: float, side: float, index: int) -> Markup:
    """Draw counts in `BINS` equal bins as an outline; the class's highest bin reaches three quarters up."""
    if not values:
        return Markup("")
    width = (x.high - x.low) / BINS
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int((value - x.low) / width))] += 1
    unit = 0.72 * side / max(counts)
    outline = f"M{number(x.start, 1)} {number(top + side, 1)}"
    for index_of, amount in enumerate(counts):
        outline += f"V{number(top + side - amount * unit, 1)}H{number(x(x.low + (index_of + 1) * width), 1)}"
    outline += f"V{number(top + side, 1)}"
    return tag(
        "path", d=outline, class_=f"distribution {series.style(index)}", stroke_dasharray=series.dash(index)
    )


def _ticks(x: Scale, y: Scale, cell: tuple[int, int], count: int, box: tuple[float, float, float]) -> Markup:
    """Values along the left column and the bottom row alone."""
    i, j = cell
    left, top, side = box
    parts: list[Markup] = []
    if i == count - 1:
        for value in ticks(x.low, x.high, 3):
            parts.append(tag("text", f"{value:g}", x=x(value), y=top + side + 16, text_anchor="middle"))
    if j == 0 and i > 0:
        for value in ticks(y.low, y.high, 3):
            parts.append(tag("text", f"{value:g}", x=left - 6, y=y(value) + 4, text_anchor="end"))
    return join(parts)


def correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Pearson's correlation, None where a column is constant or has fewer than two rows."""
    if len(a) < 2 or len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return statistics.correlation(a, b)
