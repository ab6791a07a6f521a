"""What a sparse record begins with: told from its length alone, so that it need not be parsed, but compared.

Between a frame's beginning and its first number stand the magic, the length of the payload, and three nested
lengths with their tags. Each length follows from the one around it, since all that comes behind the numbers
is the same in all records. So records of one length begin with the same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from processing.recordio._frames import HEADER, MAGIC_BYTES, Frames
from processing.recordio._ragged import windows
from processing.recordio._varints import encode_one
from processing.recordio._words import Counts

NAME = b"\x0a\x06values\x12"
"""The key of a map entry, and the tag of its value."""

KEPT = 1 << 12
"""Heads kept for chunks to come. Records of 10,000 lengths take over 100 MB."""


class Heads(NamedTuple):
    """Where the numbers of each record lie: int64 (n,), from and behind."""

    start: Counts
    stop: Counts


def heads(frames: Frames, tensor: int, behind: int, shape: int) -> Heads | None:
    """Pass over the heads of all records; None where one has another than its length says.

    tensor: field number of the kind of values. behind: bytes behind the features. shape: bytes of the field
    that ends the tensor. All three are the same in all records. Lengths are expected as protobuf writes them,
    in as few bytes as they take.
    """
    lengths = frames.lengths
    seen = np.zeros(int(lengths.max()) + 1, np.bool_)
    seen[lengths] = True
    distinct = np.flatnonzero(seen)
    expected = [_head(length, tensor, behind, shape) for length in distinct.tolist()]
    widths = [len(head) for head in expected]
    # Heads differ in their lengths' widths, by fewer bytes than the header has; that one is known already.
    compared = min(widths)
    if not compared:
        return None
    number = np.empty(len(seen), np.int64)
    number[distinct] = np.arange(len(distinct))
    which = number.take(lengths)
    start = frames.starts + np.array(widths).take(which)
    table = np.frombuffer(b"".join(head[-compared:] for head in expected), f"V{compared}")
    found = windows(frames.buffer, compared)[start - compared]
    if (found.view(np.uint8) != table.take(which).view(np.uint8)).any():
        return None
    return Heads(start, frames.starts + HEADER + lengths - behind - shape)


@lru_cache(KEPT)
def _head(length: int, tensor: int, behind: int, shape: int) -> bytes:
    """Make the head of a frame whose payload has this length; empty where there can be none."""
    features = _inside(length - behind)
    value = _inside(features - len(NAME) + 1)
    content = _inside(value)
    if content < shape:
        return b""
    head = b"\x0a" + encode_one(features) + NAME + encode_one(value)
    head += bytes([tensor << 3 | 2]) + encode_one(content)
    return MAGIC_BYTES + length.to_bytes(HEADER - len(MAGIC_BYTES), "little") + head


def _inside(size: int) -> int:
    """Work out the length of a field that takes so many bytes with its tag and its length; -1 for none."""
    for width in range(1, 5):
        length = size - 1 - width
        if length >= 0 and len(encode_one(length)) == width:
            return length
    return -1
