"""Where the numbers lie in one record: what the vectorised readers expect of the records after it."""

from __future__ import annotations

from typing import NamedTuple

from processing.recordio._messages import FLOAT32, FLOAT64, INT32, LENGTH_DELIMITED, Field, Place, fields

Span = tuple[int, int]
"""Offsets in the payload: from, and behind."""


class Layout(NamedTuple):
    """A record with one tensor of features, `values`, and at most one label, `values`; all of it packed.

    tensor: field number of the features' kind. values, keys, shape: their spans, None where absent.
    behind: offset behind the features. label_tensor, label: the same of the label; None where it has none.
    """

    tensor: int
    values: Span | None
    keys: Span | None
    shape: Span | None
    behind: int
    label_tensor: int | None
    label: Span | None

    @property
    def sparse(self) -> bool:
        """A record with keys, or with a shape and no values (an empty row), is sparse."""
        return self.keys is not None or (self.shape is not None and self.values is None)


class _Tensor(NamedTuple):
    kind: int
    spans: dict[int, Span]
    end: int


def layout(data: bytes, place: Place) -> Layout | None:
    """Find the layout of one payload; None where it is another than that, to be read record by record."""
    parts = list(fields(data, 0, len(data), place))
    features = [part for part in parts if part.number == 1]
    labels = [part for part in parts if part.number == 2]
    if len(features) != 1 or len(features) + len(labels) != len(parts) or len(labels) > 1:
        return None
    feature = _tensor(data, features[0], place)
    label = _tensor(data, labels[0], place) if labels else None
    if feature is None or (labels and (label is None or set(label.spans) != {1})):
        return None
    spans = feature.spans
    return Layout(
        feature.kind,
        spans.get(1),
        spans.get(2),
        spans.get(3),
        feature.end,
        label.kind if label else None,
        label.spans[1] if label else None,
    )


def _tensor(data: bytes, entry: Field, place: Place) -> _Tensor | None:
    """Find the spans of the one tensor in a map entry named `values`."""
    if entry.wire != LENGTH_DELIMITED:
        return None
    pair = list(fields(data, entry.start, entry.end, place))
    if [part.number for part in pair] != [1, 2] or any(part.wire != LENGTH_DELIMITED for part in pair):
        return None
    if data[pair[0].start : pair[0].end] != b"values":
        return None
    value = list(fields(data, pair[1].start, pair[1].end, place))
    if (
        len(value) != 1
        or value[0].number not in (FLOAT32, FLOAT64, INT32)
        or value[0].wire != LENGTH_DELIMITED
    ):
        return None
    spans: dict[int, Span] = {}
    for part in fields(data, value[0].start, value[0].end, place):
        if part.wire != LENGTH_DELIMITED or part.number in spans or part.number not in (1, 2, 3):
            return None
        if part.start == part.end:
            return None
        spans[part.number] = (part.start, part.end)
    return _Tensor(value[0].number, spans, entry.end)


def extent(shape: list[int]) -> int:
    """Work out how many values a shape stands for; beyond 63 bits, some number that is too large."""
    if 0 in shape:
        return 0
    product = 1
    for size in shape:
        product *= size
        if product >> 63:
            break
    return product
