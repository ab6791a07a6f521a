"""Dense records of one layout, decoded together: a strided view over their frames."""

from __future__ import annotations

import numpy as np

from processing.recordio._batches import Arrays
from processing.recordio._form import DTYPES, hole_numbers
from processing.recordio._frames import HEADER, Frames
from processing.recordio._layout import Layout, Span, extent
from processing.recordio._template import Template
from processing.recordio._varints import decode


def decode_dense(frames: Frames, first: Layout) -> Arrays | None:
    """Decode records that differ from the first in nothing but values and label; None where others do.

    The features are a view into the frames where they are float32 and aligned, and a copy elsewhere.
    """
    if frames.stride is None or first.values is None or first.tensor not in DTYPES:
        return None
    block = frames.buffer[: frames.end].reshape(-1, frames.stride)
    spans = [first.values] if first.label is None else [first.values, first.label]
    padding = slice(HEADER + int(frames.lengths[0]), frames.stride)
    if block[:, padding].any() or not Template(block[0], [_hole(span) for span in sorted(spans)]).fits(block):
        return None
    features = hole_numbers(block, _hole(first.values), first.tensor)
    if features is None or (first.shape is not None and _extent(frames, first.shape) != features.shape[1]):
        return None
    if first.label is None or first.label_tensor is None:
        return Arrays(features, None)
    labels = hole_numbers(block, _hole(first.label), first.label_tensor)
    if labels is None or labels.shape[1] != 1:
        return None
    return Arrays(features, np.ascontiguousarray(labels[:, 0]))


def _hole(span: Span) -> slice:
    return slice(HEADER + span[0], HEADER + span[1])


def _extent(frames: Frames, shape: Span) -> int | None:
    """Work out how many values the first record's shape stands for; None where it is malformed."""
    decoded = decode(frames.buffer[_hole(shape)])
    return None if decoded is None else extent(decoded[0].tolist())
