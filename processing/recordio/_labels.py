"""Answers of the built-in algorithms as recordIO: empty features, predictions by name in the label map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from processing.recordio._arrays import opened
from processing.recordio._encode import Fixed, encode_fixed
from processing.recordio._errors import RecordIOError
from processing.recordio._form import to_float32
from processing.recordio._frames import Source, stream_frames
from processing.recordio._messages import Record, Tensor, records
from processing.recordio._numbers import AS_FLOAT32
from processing.recordio._template import Part, entry, frame


def encode_labels(columns: Mapping[str, npt.ArrayLike]) -> bytes:
    """Write one record a row, with empty features and every column in its label map, as float32.

    columns: name → (n,) or (n, k) numbers, e.g. `{"score": scores, "predicted_label": labels}`.
    Raises ValueError where there is no column or their lengths differ.
    """
    filled = []
    parts: list[Part] = []
    for name, values in columns.items():
        array = np.asarray(values)
        if array.ndim not in (1, 2):
            raise ValueError(
                f"the column {name!r} has {array.ndim} dimensions: give it one or two, rows first"
            )
        matrix = array.astype(np.float32).reshape(len(array), -1 if array.size else array[:1].size)
        parts += entry(0x12, name, AS_FLOAT32.tag, matrix.shape[1] * 4)
        filled.append(Fixed(matrix, AS_FLOAT32, name))
    lengths = {name: len(column.values) for name, column in zip(columns, filled, strict=True)}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"the columns have {lengths} rows: give one column or more, all of one length")
    holes = [column for column in filled if column.values.shape[1]]
    return b"".join(bytes(block) for block in encode_fixed(frame(parts), len(filled[0].values), holes))


def decode_labels(source: Source) -> dict[str, npt.NDArray[np.float32]]:
    """Read the label map of every record: name → (n,) where each record has one number under it, else (n, k).

    Raises RecordIOError for malformed input, and where a record has other names or counts than the first.
    """
    rows: list[dict[str, list[float]]] = []
    with opened(source) as stream:
        for frames in stream_frames(stream):
            for index, record in enumerate(records(frames)):
                row = _row(record)
                if row is None or (rows and _form(row) != _form(rows[0])):
                    at = frames.offset + int(frames.starts[index])
                    raise _changed(frames.record + index, at, record, rows)
                rows.append(row)
    columns = {}
    for name in rows[0] if rows else ():
        matrix = to_float32(np.array([row[name] for row in rows], np.float64))
        columns[name] = matrix[:, 0] if matrix.shape[1] == 1 else matrix
    return columns


def _row(record: Record) -> dict[str, list[float]] | None:
    """Give name → numbers; None where a label is no tensor."""
    row: dict[str, list[float]] = {}
    for name, value in record.label.items():
        if not isinstance(value.content, Tensor):
            return None
        row[name] = [float(number) for number in value.content.values]
    return row


def _form(row: dict[str, list[float]]) -> dict[str, int]:
    return {name: len(numbers) for name, numbers in row.items()}


def _changed(number: int, offset: int, record: Record, rows: list[dict[str, list[float]]]) -> RecordIOError:
    found = {name: value.kind or "nothing" for name, value in record.label.items()}
    row = _row(record)
    if row is None:
        return RecordIOError(number, offset, f"labels {found}", "tensors", "use read_records for bytes")
    expected = f"{_form(rows[0])} as in the records before it"
    return RecordIOError(number, offset, f"labels {_form(row)}", expected, "give all records the same labels")
