"""Bodies of `/invocations` into rows of features, by content type.

Forms (from the built-in algorithms' documentation): dense JSON `{"instances": [{"features": [1, 2]}]}` or
`{"instances": [{"data": {"features": {"values": [1, 2]}}}]}`; sparse JSON, the latter with `keys` and
`shape`; JSON Lines, one instance a line; CSV, features only; recordIO-protobuf.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain
from math import isfinite
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from algorithms import quick_rows
from algorithms.base import CSV, JSON, JSONLINES, RECORDIO, Features
from algorithms.checks import find_not_finite
from algorithms.csv_rows import CsvError, parse_rows
from algorithms.sparse_rows import distinct
from processing.recordio import RecordIOError, read_arrays

Floats = npt.NDArray[np.float32]

_NUMBERS = frozenset({int, float})
_INTEGERS = frozenset({int})
"""By exact type: JSON's true and false are instances of int in Python."""


class RequestError(Exception):
    """A request that cannot be answered; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode_request(body: bytes, media_type: str, feature_dim: int) -> Features:
    """Return the body's rows: float32, shape (rows, feature_dim), rows ≥ 1, all finite.

    media_type: lower case, without parameters. Raises RequestError (400, or 415 for an unknown type).
    """
    decode = _DECODERS.get(media_type)
    if decode is None:
        raise RequestError(415, f"Content-Type {media_type!r} is not supported")
    if not body or body.isspace():
        _refuse("the body is empty")
    try:
        features = decode(body, feature_dim)
    except (CsvError, RecordIOError) as error:
        raise RequestError(400, str(error)) from error
    if not features.shape[0]:
        _refuse("the request has no rows")
    if features.shape[1] != feature_dim:
        _refuse(f"rows have {features.shape[1]} features, but the model takes {feature_dim}")
    _check_finite(features)
    return features


def _refuse(message: str) -> NoReturn:
    raise RequestError(400, message)


def _check_finite(features: Features) -> None:
    # Finite only if every value is. BLAS takes a third of the time of a sum, which numpy would also have to
    # be kept from warning about; only what does not come out finite is looked at value by value.
    if isinstance(features, np.ndarray) and isfinite(np.vdot(features, features)):
        return
    found = find_not_finite(features)
    if found is not None:
        row, column, value = found
        _refuse(f"row {row + 1}, feature {column + 1} is {value:g}, but must be a finite float32")


def _decode_csv(body: bytes, feature_dim: int) -> Features:
    rows = quick_rows.csv_rows(body)
    if rows is None:
        rows = parse_rows(body)
    if rows.shape[1] == feature_dim + 1:
        _refuse(
            f"rows have {feature_dim + 1} columns, but the model takes {feature_dim} (no label among them)"
        )
    return rows


def _decode_recordio(body: bytes, feature_dim: int) -> Features:
    row = quick_rows.recordio_row(body)
    if row is not None:
        return row
    features = read_arrays(body).features
    if not isinstance(features, np.ndarray):
        return distinct(features)
    if features.shape[1] == feature_dim:
        quick_rows.remember_form(body, features)
    # Rows lie between their records' heads: BLAS would copy them for each of the two products to come.
    return np.ascontiguousarray(features)


def _decode_json(body: bytes, feature_dim: int) -> Features:
    rows = quick_rows.json_rows(body)
    if rows is not None:
        return rows
    document = _load_json(body, "the body")
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        _refuse('the body must be an object {"instances": [...]}')
    return _decode_instances(instances, feature_dim)


def _decode_jsonlines(body: bytes, feature_dim: int) -> Features:
    rows = quick_rows.jsonlines_rows(body)
    if rows is not None:
        return rows
    lines = enumerate(body.split(b"\n"), 1)
    instances = [_load_json(line, f"line {number}") for number, line in lines if line.strip()]
    return _decode_instances(instances, feature_dim)


def _load_json(text: bytes, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        _refuse(f"{what} is nested too deeply")
    except ValueError as error:
        _refuse(f"{what} is not JSON: {error}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _decode_instances(instances: list[Any], feature_dim: int) -> Features:
    found = [_features(instance, number) for number, instance in enumerate(instances, 1)]
    if any("keys" in row for row in found):
        return _sparse(found, feature_dim)
    return _dense([row["values"] for row in found])


def _features(instance: Any, number: int) -> dict[str, Any]:
    """Return the instance's tensor: `values`, and `keys` and `shape` where it is sparse."""
    if isinstance(instance, dict):
        data = instance.get("data", instance)
        features = data.get("features") if isinstance(data, dict) else None
        if isinstance(features, list):
            return {"values": features}
        if isinstance(features, dict) and isinstance(features.get("values"), list):
            return features
    _refuse(
        f'instance {number} has neither "features": [...] nor "data": {{"features": {{"values": [...]}}}}'
    )


def _dense(rows: list[list[Any]]) -> Floats:
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            _refuse(f"instance {number} has {len(row)} features, but the first has {width}")
    return _numbers(rows, width * len(rows)).reshape(len(rows), width)


def _numbers(rows: list[list[Any]], count: int) -> Floats:
    """Return all values in one float32 array; JSON strings, booleans, nulls and lists are refused."""
    for number, row in enumerate(rows, 1):
        if not _NUMBERS.issuperset(map(type, row)):
            wrong = next(value for value in row if type(value) not in _NUMBERS)
            _refuse(f"instance {number} holds {json.dumps(wrong)[:40]}, which is not a number")
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which is refused with its place
        try:
            return np.fromiter(chain.from_iterable(rows), dtype=np.float32, count=count)
        except OverflowError:
            _refuse("an integer is too large for a float32")


def _sparse(rows: list[dict[str, Any]], feature_dim: int) -> Features:
    from scipy.sparse import (
        csr_matrix,
    )  # as long to import as many a request to answer: only when there is one

    keys = [_keys(row, number, feature_dim) for number, row in enumerate(rows, 1)]
    lengths = np.fromiter(map(len, keys), dtype=np.int64, count=len(keys))
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    values = _numbers([row["values"] for row in rows], int(pointers[-1]))
    columns = np.concatenate(keys)
    return csr_matrix((values, columns, pointers), shape=(len(rows), feature_dim))


def _keys(row: dict[str, Any], number: int, feature_dim: int) -> npt.NDArray[np.int64]:
    """Return the columns of the row's values; those of a dense row are all columns."""
    values = row["values"]
    if "keys" not in row:
        if len(values) != feature_dim:
            _refuse(f"instance {number} has {len(values)} features, but the model takes {feature_dim}")
        return np.arange(feature_dim, dtype=np.int64)
    keys, shape = row["keys"], row.get("shape")
    if shape != [feature_dim]:
        _refuse(f"instance {number} has shape {json.dumps(shape)[:40]}, but the model takes [{feature_dim}]")
    if not isinstance(keys, list) or not _INTEGERS.issuperset(map(type, keys)):
        _refuse(f"instance {number} has keys that are not a list of integers")
    if len(keys) != len(values):
        _refuse(f"instance {number} has {len(keys)} keys but {len(values)} values")
    if keys and not 0 <= min(keys) <= max(keys) < feature_dim:
        wrong = min(keys) if min(keys) < 0 else max(keys)
        _refuse(f"instance {number} has the key {wrong}, but keys go from 0 to {feature_dim - 1}")
    if len(set(keys)) != len(keys):
        _refuse(f"instance {number} names a key twice")
    return np.array(keys, dtype=np.int64)


_DECODERS: dict[str, Callable[[bytes, int], Features]] = {
    JSON: _decode_json,
    JSONLINES: _decode_jsonlines,
    CSV: _decode_csv,
    RECORDIO: _decode_recordio,
}
