"""Records as objects, parsed one at a time: the reference for every layout that protobuf allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from processing.recordio import _varints
from processing.recordio._errors import WRITTEN_ANEW, RecordIOError
from processing.recordio._frames import HEADER, Frames, stream_frames

VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
"""Protobuf's wire types; 3 and 4, groups, do not occur in this format."""

FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9
"""Field numbers of `Value`."""

FEW = 40
"""Bytes of varints that are read one by one faster than all at once."""

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor, kept as arrays; as lists of Python numbers when asked for.

    numbers: float32, float64 or int32 (n,). positions: uint64 (n,) where sparse, else (0,). shape: empty
    where not said.
    """

    numbers: Numbers = field(default_factory=lambda: np.empty(0, np.float32))
    positions: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    shape: list[int] = field(default_factory=list)

    @cached_property
    def values(self) -> list[float] | list[int]:
        """The numbers as a list."""
        values: list[float] | list[int] = self.numbers.tolist()
        return values

    @cached_property
    def keys(self) -> list[int]:
        """The positions as a list; empty where the tensor is dense."""
        keys: list[int] = self.positions.tolist()
        return keys


@dataclass(frozen=True)
class Bytes:
    """value: binary values as they are; content_type: what they hold, empty where not said."""

    value: list[bytes] = field(default_factory=list)
    content_type: str = ""


@dataclass(frozen=True)
class Value:
    """One of four kinds of content; the other three read as empty, as protobuf has it.

    kind: `float32_tensor`, `float64_tensor`, `int32_tensor`, `bytes`, or empty where nothing is set.
    """

    kind: str = ""
    content: Tensor | Bytes | None = None

    @property
    def float32_tensor(self) -> Tensor:
        """The float32 tensor, or an empty one."""
        return self._tensor("float32_tensor")

    @property
    def float64_tensor(self) -> Tensor:
        """The float64 tensor, or an empty one."""
        return self._tensor("float64_tensor")

    @property
    def int32_tensor(self) -> Tensor:
        """The int32 tensor, or an empty one."""
        return self._tensor("int32_tensor")

    @property
    def bytes(self) -> Bytes:
        """The binary content, or an empty one."""
        return self.content if isinstance(self.content, Bytes) else Bytes()

    def _tensor(self, kind: str) -> Tensor:
        return self.content if self.kind == kind and isinstance(self.content, Tensor) else Tensor()


@dataclass(frozen=True)
class Record:
    """One record, with the attributes of SDK v2's. Texts that are absent are empty."""

    features: dict[str, Value] = field(default_factory=dict)
    label: dict[str, Value] = field(default_factory=dict)
    uid: str = ""
    metadata: str = ""
    configuration: str = ""


def read_records(file: BinaryIO) -> list[Record]:
    """Read all records of an open binary file, as objects.

    SDK v2's function, name and access: `record.features["values"].float32_tensor.values`,
    `.keys` and `.shape` (lists of Python numbers), `record.label["values"]`, `record.uid`, `.metadata`,
    `.configuration`. A name that is absent raises KeyError. For arrays, `read_arrays` is far faster.
    Raises RecordIOError for malformed input.
    """
    return [record for frames in stream_frames(file) for record in records(frames)]


def records(frames: Frames) -> Iterator[Record]:
    """Yield the records of some frames as objects."""
    for index, start in enumerate(frames.starts.tolist()):
        place = Place(frames.record + index, frames.offset + start + HEADER)
        yield parse(frames.payload(index), place)


class Place(NamedTuple):
    """Where a payload lies in its source, for messages: the record's number and the payload's byte offset."""

    record: int
    offset: int

    def wrong(self, at: int, found: str, expected: str, cure: str = WRITTEN_ANEW) -> RecordIOError:
        """Make the error for what is found `at` bytes into the payload."""
        return RecordIOError(self.record, self.offset + at, found, expected, cure)


class Field(NamedTuple):
    """One protobuf field: a number (wire type varint), or the bytes from `start` to `end`."""

    number: int
    wire: int
    start: int
    end: int
    value: int = 0


def varint(data: bytes, at: int, end: int, place: Place) -> tuple[int, int]:
    """Read the varint at `at` → (value, offset behind it)."""
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift, index in zip(range(0, 70, 7), range(at, end), strict=False):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise place.wrong(at, f"the varint {value}", "at most 64 bits")
            return value, index + 1
    raise place.wrong(at, f"a varint that does not end within {min(end - at, 10)} bytes", "a whole varint")


def fields(data: bytes, at: int, end: int, place: Place) -> Iterator[Field]:
    """Yield the fields of the message between `at` and `end`."""
    while at < end:
        begin = at
        tag, at = varint(data, at, end, place)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, behind = varint(data, at, end, place)
            yield Field(number, wire, at, behind, value)
            at = behind
            continue
        if wire == LENGTH_DELIMITED:
            length, at = varint(data, at, end, place)
        elif wire in (FOUR_BYTES, EIGHT_BYTES):
            length = 4 if wire == FOUR_BYTES else 8
        else:
            raise place.wrong(begin, f"wire type {wire}", "one of 0, 1, 2 and 5")
        if number == 0:
            raise place.wrong(begin, "field number 0", "1 or more")
        if length > end - at:
            raise place.wrong(begin, f"a field of {length} bytes", f"at most the {end - at} that are left")
        yield Field(number, wire, at, at + length)
        at += length


def parse(data: bytes, place: Place) -> Record:
    """Read one payload as a record. Unknown fields are passed over, as protobuf does."""
    maps: tuple[dict[str, Value], dict[str, Value]] = ({}, {})
    texts = ["", "", ""]
    for part in fields(data, 0, len(data), place):
        if part.number in (1, 2):
            name, value = _entry(data, part, place)
            maps[part.number - 1][name] = value
        elif part.number in (3, 4, 5):
            texts[part.number - 3] = _text(data, part, place)
    return Record(maps[0], maps[1], *texts)


def _spanned(part: Field, place: Place) -> tuple[int, int]:
    if part.wire != LENGTH_DELIMITED:
        raise place.wrong(
            part.start, f"wire type {part.wire} for field {part.number}", "2 (length-delimited)"
        )
    return part.start, part.end


def _text(data: bytes, part: Field, place: Place) -> str:
    start, end = _spanned(part, place)
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as error:
        raise place.wrong(start, f"text with the byte {data[start + error.start]:#04x}", "UTF-8") from error


def _entry(data: bytes, entry: Field, place: Place) -> tuple[str, Value]:
    name, value = "", Value()
    for part in fields(data, *_spanned(entry, place), place):
        if part.number == 1:
            name = _text(data, part, place)
        elif part.number == 2:
            value = _value(data, part, value, place)
    return name, value


def _value(data: bytes, value: Field, known: Value, place: Place) -> Value:
    """Read a `Value`; as protobuf has it, the last kind set wins, and repeats of one kind are joined."""
    for part in fields(data, *_spanned(value, place), place):
        if part.number in _TENSORS:
            kind = _TENSORS[part.number].name
            known = Value(kind, _tensor(data, part, known._tensor(kind), place))
        elif part.number == BYTES:
            known = Value("bytes", _bytes(data, part, known.bytes, place))
    return known


def _bytes(data: bytes, content: Field, known: Bytes, place: Place) -> Bytes:
    values, content_type = list(known.value), known.content_type
    for part in fields(data, *_spanned(content, place), place):
        if part.number == 1:
            start, end = _spanned(part, place)
            values.append(data[start:end])
        elif part.number == 2:
            content_type = _text(data, part, place)
    return Bytes(values, content_type)


class _Numbers(NamedTuple):
    """How a tensor's values are kept: `wire` is that of one not packed, no `dtype` means varints."""

    name: str
    wire: int
    dtype: str = ""


_TENSORS = {
    FLOAT32: _Numbers("float32_tensor", FOUR_BYTES, "<f4"),
    FLOAT64: _Numbers("float64_tensor", EIGHT_BYTES, "<f8"),
    INT32: _Numbers("int32_tensor", VARINT),
}


def _tensor(data: bytes, tensor: Field, known: Tensor, place: Place) -> Tensor:
    kind = _TENSORS[tensor.number]
    numbers, positions, shape = [known.numbers], [known.positions], list(known.shape)
    for part in fields(data, *_spanned(tensor, place), place):
        if part.number == 1 and kind.dtype:
            numbers.append(_fixed(data, part, kind, place))
        elif part.number == 1:
            # An int32 is the low 32 bits of its varint, as protobuf has it.
            numbers.append(_integers(data, part, place).astype(np.uint32).view(np.int32))
        elif part.number == 2:
            positions.append(_integers(data, part, place))
        elif part.number == 3:
            shape += _integers(data, part, place).tolist()
    return Tensor(_joined(numbers), _joined(positions), shape)


def _joined(pieces: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Put pieces end to end; nearly always all but one are empty."""
    filled = [piece for piece in pieces if len(piece)] or pieces[:1]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def _fixed(data: bytes, part: Field, numbers: _Numbers, place: Place) -> Numbers:
    """Read floats, packed into one span or one alone."""
    dtype = np.dtype(numbers.dtype)
    if part.wire not in (LENGTH_DELIMITED, numbers.wire):
        raise place.wrong(part.start, f"wire type {part.wire} for {numbers.name}", f"2 or {numbers.wire}")
    if (part.end - part.start) % dtype.itemsize:
        raise place.wrong(
            part.start,
            f"{part.end - part.start} bytes of {numbers.name} values",
            f"a multiple of {dtype.itemsize}",
        )
    return np.frombuffer(data[part.start : part.end], dtype)


def _integers(data: bytes, part: Field, place: Place) -> npt.NDArray[np.uint64]:
    """Read varints, packed into one span or one alone."""
    if part.wire == VARINT:
        return np.array([part.value], np.uint64)
    at, end = _spanned(part, place)
    decoded = _varints.decode(np.frombuffer(data[at:end], np.uint8)) if end - at > FEW else None
    if decoded is not None:
        return decoded[0].astype(np.uint64)
    # A few are quicker read in turn; and so a malformed one raises its error.
    values = []
    while at < end:
        value, at = varint(data, at, end, place)
        values.append(value)
    return np.array(values, np.uint64)
