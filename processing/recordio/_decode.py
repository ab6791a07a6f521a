"""Frames → arrays: all records of a chunk at once where they share a layout, else record by record."""

from __future__ import annotations

from processing.recordio._batches import Arrays
from processing.recordio._dense import decode_dense
from processing.recordio._form import Form
from processing.recordio._frames import HEADER, Frames
from processing.recordio._layout import layout
from processing.recordio._messages import Place
from processing.recordio._pile import Room
from processing.recordio._records import collect
from processing.recordio._sparse import decode_sparse


def decode_frames(frames: Frames, form: Form, room: Room | None = None) -> Arrays:
    """Decode one record or more; RecordIOError where one is malformed or not of the form.

    room: where sparse numbers may come to lie; None for arrays of their own.
    """
    arrays = together(frames, room)
    if arrays is None or not form.admits(arrays):
        # One by one, a record either turns out to be of another layout that is allowed, or gets its error.
        arrays = collect(frames, form)
    form.settle(arrays)
    return arrays


def together(frames: Frames, room: Room | None = None) -> Arrays | None:
    """Decode all records at once where they have the layout of the first; otherwise return None."""
    first = layout(frames.payload(0), Place(frames.record, frames.offset + HEADER))
    if first is None:
        return None
    if first.sparse:
        return decode_sparse(frames, first, room)
    if frames.stride is None:
        return None
    return decode_dense(frames.buffer[: frames.end].reshape(-1, frames.stride), int(frames.lengths[0]), first)
