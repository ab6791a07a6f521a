"""Predictions into the body of a response, by the request's Accept header.

JSON wraps the rows in `{"predictions": [...]}`; JSON Lines writes one object a line; CSV writes one row a
line, the fields in their order; recordIO writes records with empty features and the fields as labels.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import CSV, JSON, JSONLINES, RECORDIO, Predictions
from algorithms.content_types import ContentType, parse_content_type
from processing.recordio import encode_labels

MEDIA_TYPES = (JSON, JSONLINES, RECORDIO, CSV)


def choose_accept(accept: str, default: str) -> ContentType | None:
    """Return the first media type of an Accept header that can be written; None where there is none.

    An absent header (``""``) and wildcards take `default`, a media type.
    """
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        wanted = parse_content_type(part)
        if wanted.media_type in ("*/*", "application/*"):
            return ContentType(default, wanted.parameters)
        if wanted.media_type in MEDIA_TYPES:
            return wanted
    return None


def encode_response(predictions: Predictions, media_type: str) -> bytes:
    """Return the body for one of MEDIA_TYPES. Values must be finite."""
    if media_type == RECORDIO:
        encoded: bytes = encode_labels(predictions)
        return encoded
    if media_type == CSV:
        return _csv(predictions)
    objects = _objects(predictions)
    if media_type == JSONLINES:
        return ("\n".join(objects) + "\n").encode()
    return ('{"predictions": [' + ", ".join(objects) + "]}").encode()


def _objects(predictions: Predictions) -> list[str]:
    """One JSON object a row. Finite floats, integers and lists of them print in Python as in JSON."""
    template = _template(tuple(predictions))
    return list(map(template.__mod__, zip(*map(_numbers, predictions.values()), strict=True)))


def _numbers(column: npt.NDArray[Any] | list[Any]) -> list[Any]:
    return column if isinstance(column, list) else column.tolist()


@cache
def _template(names: tuple[str, ...]) -> str:
    return "{" + ", ".join(f'"{name}": %r' for name in names) + "}"


def _csv(predictions: Predictions) -> bytes:
    columns: list[npt.NDArray[Any]] = []
    for column in map(np.asarray, predictions.values()):
        columns.extend([column] if column.ndim == 1 else column.T)
    template = ",".join(["%r"] * len(columns)) + "\n"
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(map(template.__mod__, rows)).encode()
