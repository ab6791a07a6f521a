"""Records straight into float32 arrays: a whole source at once, or a stream in batches."""

from __future__ import annotations

import io
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from processing.recordio._batches import Arrays, rebatch
from processing.recordio._decode import decode_frames
from processing.recordio._dense import decode_dense
from processing.recordio._form import Form
from processing.recordio._frames import HEADER, Source, common_length, framed, stream_frames
from processing.recordio._layout import layout
from processing.recordio._messages import Place
from processing.recordio._pile import Room, join_all


def read_arrays(source: Source, *, copy: bool = False) -> Arrays:
    """All records as arrays, dense or sparse, whichever the first record is.

    source: a path, the bytes themselves, or an open binary file, which is read to its end.
    copy: False lets dense features and labels be views, possibly read-only and strided, into the bytes or the
    file (it is mapped, and must not be truncated while the arrays live). That takes records of one layout,
    and float32 values that lie on multiples of four bytes; elsewhere, and with True, they are own, contiguous
    arrays.

    Returns features float32 (n, d) and labels float32 (n,) or None. float64 and int32 tensors are cast: what
    is beyond float32's range becomes infinite. An empty source gives features of shape (0, 0).
    Raises RecordIOError for malformed input, and where kind, width or labels differ between records.
    """
    return _read(source, Form(), copy)


def read_dense(source: Source, *, copy: bool = False) -> Arrays:
    """`read_arrays` for dense records: sparse ones raise RecordIOError."""
    return _read(source, Form(kind="dense"), copy)


def read_sparse(source: Source) -> Arrays:
    """`read_arrays` for sparse records, the features as CSR: dense ones raise RecordIOError."""
    return _read(source, Form(kind="sparse"), copy=False)


def read_chunks(stream: BinaryIO) -> Iterator[Arrays]:
    """Yield the records of a stream as arrays, a few MiB at a time, in whatever numbers arrive.

    The stream is read forward to its end, never sought: a file, a FIFO, a socket. An empty one gives none.
    Raises RecordIOError as `read_arrays` does, once the chunks before are handed out.
    """
    form = Form()
    for frames in stream_frames(stream):
        yield decode_frames(frames, form)


def read_batches(stream: BinaryIO, rows: int) -> Iterator[Arrays]:
    """Yield what `read_chunks` does, in batches of exactly `rows` records; only the last may be shorter."""
    return rebatch(read_chunks(stream), rows)


def _read(source: Source, form: Form, copy: bool) -> Arrays:
    whole = _view(source, form)
    if whole is not None:
        return whole.copied() if copy else whole
    room = Room.of(_size(source))
    with opened(source) as stream:
        chunks = (decode_frames(frames, form, room) for frames in stream_frames(stream))
        joined = join_all(chunks, room)
    return Arrays(np.ascontiguousarray(joined.features), joined.labels) if joined.kind == "dense" else joined


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Give the source as a binary stream; what was opened here is closed here."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb", buffering=0) as stream:
            yield stream
    else:
        yield source


def _size(source: Source) -> int:
    """Tell how many bytes a source has; 0 where that is not known."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return memoryview(source).nbytes
    return Path(source).stat().st_size if isinstance(source, (str, os.PathLike)) else 0


def _view(source: Source, form: Form) -> Arrays | None:
    """Return dense records of one layout as a view, where the source is in memory or can be mapped."""
    buffer = _bytes(source)
    if form.kind == "sparse" or buffer is None or not len(buffer):
        return None
    found = common_length(buffer)
    if found is None or found[0] * framed(found[1]) != len(buffer):
        return None
    count, length = found
    first = layout(buffer[HEADER : HEADER + length].tobytes(), Place(0, HEADER))
    return None if first is None or first.sparse else decode_dense(buffer.reshape(count, -1), length, first)


def _bytes(source: Source) -> npt.NDArray[np.uint8] | None:
    """Map the source, or return None where that cannot be: an open file, a FIFO, an empty file."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return np.frombuffer(source, np.uint8) if len(source) else None
    if not isinstance(source, (str, os.PathLike)):
        return None
    status = Path(source).stat()
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        return None
    with Path(source).open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
