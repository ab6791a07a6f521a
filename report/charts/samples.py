"""Sample images by class, and the mean and the deviation of every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.images import fits, image, value_range
from report.markup import Markup, join, tag
from report.tables import chart, long_numbers

FEW = 12  # samples of a class that fit beside each other when drawn larger


def sample_grid(
    rows: Sequence[Sequence[float]], labels: Sequence[str], classes: Sequence[str], shape: tuple[int, int]
) -> Markup:
    """Draw the figure: per class a row of its samples; the table tells how much ink each has."""
    span = value_range(rows)
    groups = [
        _group(name, [row for row, label in zip(rows, labels, strict=True) if label == name], shape, span)
        for name in classes
    ]
    data = [
        (
            i + 1,
            label,
            wording.compact(sum(row) / len(row)),
            sum(value != 0 for value in row),
            wording.compact(max(row)),
        )
        for i, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]
    columns = ("Sample", "Class", "Mean", "Pixels not 0", "Highest")
    table = long_numbers("The samples as a table", "Samples", columns, data, (0, 2, 3, 4))
    note = f"{wording.plural(len(rows), 'row')} of the training split, {shape[1]} × {shape[0]} pixels each."
    return chart("Samples", tag("div", groups, class_="samples"), table, note=note)


def pixel_chart(features: Sequence[Mapping[str, Any]], shape: tuple[int, int]) -> Markup | None:
    """Draw the figure of each pixel's mean and standard deviation over the training split, as two images."""
    means = [wording.as_number(f.get("mean")) or 0.0 for f in features]
    spreads = [wording.as_number(f.get("std")) or 0.0 for f in features]
    if not fits(means, shape):
        return None
    pictures = [
        tag(
            "div",
            image(values, shape, value_range([values]), f"{name} of every pixel"),
            tag("span", name),
            class_="pixel-map",
        )
        for name, values in (("mean", means), ("standard deviation", spreads))
    ]
    constant = sum(f.get("min") == f.get("max") for f in features)
    note = f"{constant:,} of {wording.plural(len(features), 'pixel')} never vary."
    return chart(
        "Every pixel's mean and deviation",
        tag("div", pictures, class_="pixel-maps"),
        feature_table(features),
        note=note,
    )


def feature_table(features: Sequence[Mapping[str, Any]], summary: str = "Figures by feature") -> Markup:
    """Minimum, maximum, mean, standard deviation and zeros of every feature, folded."""
    keys = ("min", "max", "mean", "std")
    rows = [
        (str(f.get("name")), *(wording.compact(f.get(key)) for key in keys), wording.count(f.get("zeros")))
        for f in features
    ]
    columns = ("Feature", "Min", "Max", "Mean", "Std. deviation", "Zeros")
    return long_numbers(summary, "Features of the training split", columns, rows, (1, 2, 3, 4, 5))


def _group(
    name: str, rows: Sequence[Sequence[float]], shape: tuple[int, int], span: tuple[float, float]
) -> Markup | None:
    if not rows:
        return None
    pictures = join(image(row, shape, span, f"sample of class {name}") for row in rows)
    strip = tag("div", pictures, class_="strip few" if len(rows) <= FEW else "strip")
    return tag("div", tag("p", name), strip, class_="sample-group")
