"""Dense records of one layout, decoded together: a strided view over their frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.recordio._batches import Arrays
from processing.recordio._form import DTYPES, hole_numbers
from processing.recordio._frames import HEADER
from processing.recordio._layout import Layout, Span, extent
from processing.recordio._template import Template
from processing.recordio._varints import decode


def decode_dense(block: npt.NDArray[np.uint8], length: int, first: Layout) -> Arrays | None:
    """Decode records that differ from the first in nothing but values and label; None where others do.

    block: frames of one length, shape (n, bytes of each), whose payloads have `length` bytes.
    The features are a view into the frames where they are float32 and aligned, and a copy elsewhere.
    """
    if first.values is None or first.tensor not in DTYPES:
        return None
    spans = [first.values] if first.label is None else [first.values, first.label]
    padding = slice(HEADER + length, block.shape[1])
    if block[:, padding].any() or not Template(block[0], [_hole(span) for span in sorted(spans)]).fits(block):
        return None
    features = hole_numbers(block, _hole(first.values), first.tensor)
    if features is None or (first.shape is not None and _extent(block[0], first.shape) != features.shape[1]):
        return None
    if first.label is None or first.label_tensor is None:
        return Arrays(features, None)
    labels = hole_numbers(block, _hole(first.label), first.label_tensor)
    if labels is None or labels.shape[1] != 1:
        return None
    return Arrays(features, labels[:, 0])


def _hole(span: Span) -> slice:
    return slice(HEADER + span[0], HEADER + span[1])


def _extent(frame: npt.NDArray[np.uint8], shape: Span) -> int | None:
    """Work out how many values the first record's shape stands for; None where it is malformed."""
    decoded = decode(frame[_hole(shape)])
    return None if decoded is None else extent(decoded[0].tolist())
