"""Records → arrays one by one: any layout that protobuf allows, and the errors that name what is wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from processing.recordio._batches import Arrays
from processing.recordio._errors import RecordIOError
from processing.recordio._form import Form, to_float32
from processing.recordio._frames import Frames
from processing.recordio._layout import extent
from processing.recordio._messages import Numbers, Record, Tensor, Value, records

SAME_FORM = "write all records of a channel in one form"


class _Row(NamedTuple):
    """One record's numbers; keys is None where it is dense."""

    values: Numbers
    keys: npt.NDArray[np.uint64] | None
    width: int
    label: float | None


def collect(frames: Frames, form: Form) -> Arrays:
    """Read one record or more as arrays; RecordIOError where one is malformed or not of the form."""
    wanted = Form(form.kind, form.width, form.labelled)
    rows = []
    for index, record in enumerate(records(frames)):
        number, offset = frames.record + index, frames.offset + int(frames.starts[index])
        try:
            rows.append(_row(record, wanted))
        except _Unfit as unfit:
            raise RecordIOError(number, offset, *unfit.args) from None
    labels = np.array([row.label for row in rows], np.float64) if wanted.labelled else None
    features = _matrix(rows) if wanted.kind == "sparse" else _dense(rows)
    return Arrays(features, None if labels is None else to_float32(labels))


class _Unfit(Exception):  # noqa: N818 - becomes a RecordIOError where the record's place is known
    """found, expected, cure."""


def _row(record: Record, wanted: Form) -> _Row:
    """Read one record if it is of the wanted form; what that leaves open, the record settles."""
    tensor = _tensor(record.features, "features")
    label = _label(record.label)
    row = _dense_or_sparse(tensor, label)
    kind = "dense" if row.keys is None else "sparse"
    if wanted.kind not in (None, kind):
        raise _Unfit(f"a {kind} record", f"a {wanted.kind} one", f"read it with read_{kind}, or {SAME_FORM}")
    if wanted.width not in (None, row.width):
        raise _Unfit(f"a width of {row.width}", f"{wanted.width} as in the records before it", SAME_FORM)
    if wanted.labelled not in (None, label is not None):
        found, expected = ("no label", "one") if wanted.labelled else ("a label", "none")
        raise _Unfit(found, f"{expected} as in the records before it", "label all records or none")
    wanted.kind, wanted.width, wanted.labelled = kind, row.width, label is not None
    return row


def _tensor(values: dict[str, Value], where: str) -> Tensor:
    """Find the tensor of the one value named `values`."""
    if list(values) != ["values"]:
        raise _Unfit(
            f"{where} named {sorted(values)}", "exactly one, `values`", "use read_records for other names"
        )
    content = values["values"].content
    if not isinstance(content, Tensor):
        raise _Unfit(
            f"{where} of kind {values['values'].kind or 'nothing'}", "a tensor", "use read_records for bytes"
        )
    return content


def _label(values: dict[str, Value]) -> float | None:
    if not values:
        return None
    numbers = _tensor(values, "labels").numbers
    if len(numbers) != 1:
        raise _Unfit(
            f"{len(numbers)} numbers in a label", "1", "use read_records, or decode_labels for an answer"
        )
    return float(numbers[0])


def _dense_or_sparse(tensor: Tensor, label: float | None) -> _Row:
    """Tell them apart: keys, or a shape and no values (an empty row), make a record sparse."""
    values, keys, shape = tensor.numbers, tensor.positions, tensor.shape
    width = extent(shape)
    if len(keys) or (shape and not len(values)):
        if len(keys) != len(values):
            raise _Unfit(f"{len(keys)} keys", f"{len(values)}, one a value", "write a key for every value")
        if not shape:
            raise _Unfit("a sparse record without a shape", "its width in `shape`", "write the shape")
        if width > np.iinfo(np.int64).max:
            raise _Unfit(f"a width of {width}", "at most 63 bits", "write the true shape")
        if len(keys) and int(keys.max()) >= width:
            raise _Unfit(f"the key {int(keys.max())}", f"one below the width {width}", "count keys from 0")
        return _Row(values, keys, width, label)
    if shape and width != len(values):
        raise _Unfit(
            f"{len(values)} values", f"{width} as the shape {shape} says", "write all values, or keys"
        )
    return _Row(values, None, len(values), label)


def _dense(rows: list[_Row]) -> npt.NDArray[np.float32]:
    return to_float32(np.stack([row.values for row in rows]))


def _matrix(rows: list[_Row]) -> csr_matrix:
    values = to_float32(np.concatenate([row.values for row in rows]))
    keys = np.concatenate([row.keys for row in rows if row.keys is not None]).astype(np.int64)
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row.values) for row in rows], out=indptr[1:])
    return csr_matrix((values, keys, indptr), shape=(len(rows), rows[0].width))
