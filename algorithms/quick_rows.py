"""The usual requests, decoded quickly.

Each function returns the rows of a body, float32, shape (rows, columns), or None where the body is not of the
usual form: then the general decoder reads it, or says what is wrong with it. Values are not checked here.

simdjson hands over the numbers of an array as one buffer of float64, so no Python object is made for any. But
it flattens arrays in arrays and finds the first of two equal names; such bodies are left to the general
decoder.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

try:
    import simdjson
except ImportError:  # not to be had for this Python: all bodies are read by the general decoders
    simdjson = None  # type: ignore[assignment]

Floats = npt.NDArray[np.float32]

KEPT_BYTES = 1 << 20
"""Larger bodies get a parser of their own: one keeps 14 bytes for each byte of the largest that it saw."""

_UNUSUAL = (ValueError, TypeError, KeyError, AttributeError, RuntimeError)
"""Text that is no JSON, another kind of value than the usual form has in its place, or no such name."""


def json_rows(body: bytes) -> Floats | None:
    """Decode `{"instances": [{"features": [1, 2]}, …]}`."""
    return _rows(body, _json_rows, _json_forms)


def _json_rows(body: bytes) -> Floats | None:
    document = _parse(body)
    instances = list(document["instances"]) if len(document) == 1 else []
    return _features(instances, arrays=_count(body, b"[") - 1)


def jsonlines_rows(body: bytes) -> Floats | None:
    """Decode lines of `{"features": [1, 2]}`."""
    lines = body.strip(b"\n")
    return _rows(lines, _jsonlines_rows, _several_lines if b"\n" in lines else _jsonlines_forms)


def _jsonlines_rows(lines: bytes) -> Floats | None:
    objects = lines.replace(b"}\n{", b"},{")
    if b"\n" in objects:  # a blank line, or one that is no object by itself
        return None
    instances = list(_parse(b"[%b]" % objects))
    if len(instances) != lines.count(b"\n") + 1:  # several in a line
        return None
    return _features(instances, arrays=_count(lines, b"["))


def csv_rows(body: bytes) -> Floats | None:
    """Decode lines of numbers, as the JSON that they are between brackets."""
    if b"[" in body or b"]" in body:
        return None
    if b"\r" in body:  # asked first: to look for two letters takes as long as to read the numbers
        body = body.replace(b"\r\n", b"\n")
        if b"\r" in body:
            return None
    lines = body.strip(b"\n")
    try:
        if b"\n" not in lines:
            return _row(b"[%b]" % lines)
        table = _parse(b"[[%b]]" % lines.replace(b"\n", b"],["))
        return _table([len(row) for row in table], table.as_buffer(of_type="d"))
    except _UNUSUAL:
        return None


class _Kept(threading.local):
    """A thread's parser. A new one's memory would be fetched from the kernel, page by page, each time."""

    def __init__(self) -> None:
        self.parser: Any = simdjson.Parser() if simdjson is not None else None


_kept = _Kept()


def _parse(text: bytes) -> Any:
    """Return the document, which must be gone before this thread's next: RuntimeError otherwise."""
    if simdjson is None:
        raise TypeError("there is no simdjson for this Python")
    parser = _kept.parser if len(text) <= KEPT_BYTES else simdjson.Parser()
    return parser.parse(text)


class TextForm(NamedTuple):
    """The text around the array of numbers of a body with one row, which a client's requests have in common.

    A body that differs from one that was decoded only in the array, which holds no other array, has the same
    structure: nothing but the array need be looked at, which halves the time of decoding.
    """

    before: bytes
    after: bytes


_json_forms: deque[TextForm] = deque(maxlen=4)
_jsonlines_forms: deque[TextForm] = deque(maxlen=4)
_several_lines: deque[TextForm] = deque(maxlen=0)
_FORM_BYTES = 256
"""Longer ones are not remembered."""


def _rows(body: bytes, decode: Callable[[bytes], Floats | None], forms: deque[TextForm]) -> Floats | None:
    """Decode a body of one of the forms, or by `decode`, which may raise what is unusual; learn its form."""
    start = body.rfind(b"[")
    end = body.find(b"]", start) + 1
    short = start + len(body) - end <= _FORM_BYTES
    form = TextForm(body[:start], body[end:]) if short else None
    try:
        if form in forms:
            return _row(body[start:end])
        rows = decode(body)
    except _UNUSUAL:
        return None
    if form is not None and rows is not None and len(rows) == 1:
        forms.append(form)
    return rows


def _row(array: bytes) -> Floats | None:
    """Return the one row that the text of an array is, which holds no other array."""
    values: bytes = _parse(array).as_buffer(of_type="d")
    with np.errstate(over="ignore"):
        row = np.frombuffer(values).astype(np.float32)
    return row.reshape(1, -1) if row.size else None


def _features(instances: Sequence[Any], *, arrays: int) -> Floats | None:
    """Return the rows of `{"features": […]}` objects; `arrays`: how many arrays are written in their text."""
    if arrays != len(instances) or any(len(instance) != 1 for instance in instances):
        return None
    rows = [instance["features"] for instance in instances]
    values = b"".join([row.as_buffer(of_type="d") for row in rows])
    return _table([len(row) for row in rows], values)


def _table(widths: Sequence[int], values: bytes) -> Floats | None:
    """Return the float64 `values` of rows of these widths; ValueError where they are not as many."""
    width = widths[0] if widths else 0
    if not width or widths.count(width) != len(widths):
        return None
    with np.errstate(over="ignore"):
        return np.frombuffer(values).astype(np.float32).reshape(len(widths), width)


def _count(text: bytes, byte: bytes) -> int:
    # A tenth of the time of bytes.count, which goes through a long text byte by byte.
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == byte[0]))


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
