"""The usual requests, decoded quickly.

Each function returns the rows of a body, float32, shape (rows, columns), or None where the body is not of the
usual form: then the general decoder reads it, or says what is wrong with it. Values are not checked here.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class _Instance(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    features: list[float]


class _Document(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    instances: list[_Instance]


_document = msgspec.json.Decoder(_Document)
_line = msgspec.json.Decoder(_Instance)
_table = msgspec.json.Decoder(list[list[float]])

_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def json_rows(body: bytes) -> Floats | None:
    """Decode `{"instances": [{"features": [1, 2]}, …]}`."""
    try:
        return _rows([instance.features for instance in _document.decode(body).instances])
    except _WRONG:
        return None


def jsonlines_rows(body: bytes) -> Floats | None:
    """Decode lines of `{"features": [1, 2]}`."""
    try:
        return _rows([instance.features for instance in _line.decode_lines(body)])
    except _WRONG:
        return None


def csv_rows(body: bytes) -> Floats | None:
    """Decode lines of numbers, as the JSON that they are between brackets."""
    if b"[" in body or b"]" in body:
        return None
    lines = body.replace(b"\r\n", b"\n").strip(b"\n")
    if b"\r" in lines:
        return None
    try:
        return _rows(_table.decode(b"[[%b]]" % lines.replace(b"\n", b"],[")))
    except _WRONG:
        return None


def _rows(rows: list[list[float]]) -> Floats | None:
    width = len(rows[0]) if rows else 0
    if not width or any(len(row) != width for row in rows):
        return None
    if len(rows) > 1:
        with np.errstate(over="ignore"):
            return np.array(rows, np.float32)
    try:
        packed = struct.pack(f"<{width}f", *rows[0])  # half of the time that numpy takes for one list
    except OverflowError:  # beyond float32
        return None
    return np.frombuffer(packed, "<f4").reshape(1, width)


# --- recordIO -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecordForm:
    """The bytes around the values of one dense float32 record, which a client's requests have in common.

    A body that differs from one that was decoded only in the values decodes to those values: their bytes
    bear no structure. This takes a tenth of the time that walking through the record's fields does.
    """

    before: bytes
    after: bytes
    width: int

    @classmethod
    def of(cls, body: bytes, features: Floats) -> RecordForm | None:
        """Return the form of a body that decoded to one row; None where the row is no view of the body."""
        start = features.ctypes.data - np.frombuffer(body, np.uint8).ctypes.data
        end = start + features.nbytes
        if start < 0 or end > len(body) or body[start:end] != features.tobytes():
            return None
        return cls(body[:start], body[end:], features.shape[1])

    def values(self, body: bytes) -> Floats | None:
        """Return the row, shape (1, width), of a body of this form."""
        start, end = len(self.before), len(self.before) + 4 * self.width
        if len(body) != end + len(self.after) or not body.startswith(self.before):
            return None
        if not body.endswith(self.after):
            return None
        return np.frombuffer(body, "<f4", self.width, start).reshape(1, self.width)


_forms: deque[RecordForm] = deque(maxlen=4)


def recordio_row(body: bytes) -> Floats | None:
    """Decode one dense record of a form that was seen before."""
    for form in tuple(_forms):
        values = form.values(body)
        if values is not None:
            return values
    return None


def remember_form(body: bytes, features: Floats) -> None:
    """Learn the form of a body that decoded to these features, if it is one row."""
    form = RecordForm.of(body, features) if features.shape[0] == 1 else None
    if form is not None:
        _forms.append(form)
