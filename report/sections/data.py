"""The data: class balance, samples or scatter matrix, and the features' figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import wording
from report.charts.balance import balance_chart
from report.charts.samples import feature_table, pixel_chart, sample_grid
from report.charts.scatter import MOST_FEATURES, scatter_matrix
from report.facts import Facts
from report.images import fits, shape_of
from report.markup import Child, Markup, join, tag


def data(facts: Facts) -> Markup | None:
    """Write the section; None where the execution ended before the inspection."""
    inspection = facts.inspection
    if inspection is None:
        return None
    names = wording.class_names(inspection)
    balance = balance_chart(inspection.get("class_balance") or {}, names)
    pictures = _pictures(inspection, names)
    parts: list[Child] = [tag("h2", "Data"), tag("h3", "Classes"), balance, tag("h3", "Features"), pictures]
    return tag("section", parts, id="data")


def _pictures(inspection: Mapping[str, Any], names: Sequence[str]) -> Child:
    features: Sequence[Mapping[str, Any]] = inspection.get("features") or []
    samples = inspection.get("samples") or {}
    rows: Sequence[Sequence[float]] = samples.get("features") or []
    labels = [wording.class_name(label, names) for label in samples.get("labels") or []]
    classes = [*dict.fromkeys(name for name in [*names, *labels] if name in labels)]
    shape = shape_of(inspection)
    if shape and rows and all(fits(row, shape) for row in rows):
        return join(sample_grid(rows, labels, classes, shape), pixel_chart(features, shape))
    titles = [str(feature.get("name")) for feature in features]
    if rows and 2 <= len(titles) <= MOST_FEATURES and all(len(row) == len(titles) for row in rows):
        return scatter_matrix(rows, labels, titles, classes, feature_table(features))
    return feature_table(features) if features else None
