"""Records of one length as a block of bytes: constant but for a few holes, which the numbers fill."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import numpy.typing as npt

from processing.recordio._frames import LONGEST, MAGIC_BYTES, framed
from processing.recordio._varints import encode_one

Part = Union[bytes, int]
"""A piece of a record: bytes, or the width of a hole."""

COMPARED = 1 << 16
"""Rows compared with a template at a time, so that the result of a comparison stays small."""


def size(parts: list[Part]) -> int:
    """Count the bytes of all parts."""
    return sum(part if isinstance(part, int) else len(part) for part in parts)


def message(tag: int, parts: list[Part]) -> list[Part]:
    """Wrap parts into a length-delimited protobuf field, `tag` being its number and wire type."""
    return [bytes([tag]) + encode_one(size(parts)), *parts]


def entry(tag: int, name: str, tensor_tag: int, hole: int) -> list[Part]:
    """Make a map entry: name → Value with a tensor whose packed values are a hole, left out where empty."""
    values = message(0x0A, [hole]) if hole else []
    return message(tag, [*message(0x0A, [name.encode()]), *message(0x12, message(tensor_tag, values))])


def frame(parts: list[Part]) -> list[Part]:
    """Frame a payload: magic, length, padding. ValueError where it is longer than protobuf allows."""
    length = size(parts)
    check_length(length)
    padding = framed(length) - framed(0) - length
    return [MAGIC_BYTES + length.to_bytes(4, "little"), *parts, bytes(padding)]


def check_length(length: int) -> None:
    """ValueError where a payload of this many bytes is longer than protobuf allows."""
    if length > LONGEST:
        raise ValueError(
            f"a record would take {length} bytes, and protobuf allows {LONGEST}: "
            "write narrower rows, or sparse ones"
        )


class Template:
    """A frame's bytes, and where its holes are.

    bytes: uint8 (stride,). holes: slices of a row, in order. constant: the slices between them.
    """

    def __init__(self, content: npt.NDArray[np.uint8], holes: list[slice]) -> None:
        self.bytes = content
        self.holes = holes
        edges = [0, *(edge for hole in holes for edge in (hole.start, hole.stop)), len(content)]
        self.constant = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]

    @classmethod
    def of(cls, parts: list[Part]) -> Template:
        """Make the template of a frame from its parts."""
        content = np.zeros(size(parts), np.uint8)
        holes = []
        at = 0
        for part in parts:
            if isinstance(part, int):
                holes.append(slice(at, at + part))
                at += part
            else:
                content[at : at + len(part)] = np.frombuffer(part, np.uint8)
                at += len(part)
        return cls(content, holes)

    @property
    def stride(self) -> int:
        """Bytes of a frame."""
        return len(self.bytes)

    def block(self, rows: int) -> npt.NDArray[np.uint8]:
        """Make frames with their constant bytes in place: uint8 (rows, stride)."""
        block = np.empty((rows, self.stride), np.uint8)
        block[:] = self.bytes
        return block

    def fits(self, block: npt.NDArray[np.uint8]) -> bool:
        """Whether all frames of a block have this template's constant bytes."""
        return all(
            bool((block[start : start + COMPARED, part] == self.bytes[part]).all())
            for start in range(0, len(block), COMPARED)
            for part in self.constant
        )


def column(block: npt.NDArray[np.uint8], hole: slice, dtype: str) -> npt.NDArray[Any]:
    """View the hole of every frame as numbers: (rows, numbers), unaligned where the hole is."""
    itemsize = np.dtype(dtype).itemsize
    shape = (len(block), (hole.stop - hole.start) // itemsize)
    return np.ndarray(shape, dtype, block, hole.start, (block.strides[0], itemsize))
