"""Framing: where each record lies in a stream, found chunk by chunk without a loop over records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from processing.recordio._errors import WRITTEN_ANEW, RecordIOError
from processing.recordio._ragged import PIECE

MAGIC = 0xCED7230A
MAGIC_BYTES = MAGIC.to_bytes(4, "little")
HEADER = 8
"""Bytes before a payload: the magic and the length."""

LONGEST = (1 << 31) - 1
"""Bytes of the longest payload: protobuf's own limit for a message."""

CHUNK = 1 << 21
"""Bytes asked of a stream at a time. A sparse chunk costs some 200 calls: with half as many bytes it took a
seventh longer to read, with twice as many no less."""

PADDING = np.array([0, 0xFFFFFF00, 0xFFFF0000, 0xFF000000], np.uint32)
"""Which bits of a frame's last word are padding, by the payload's length modulo four."""

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO]
"""Where records come from: a path, the bytes themselves, or an open binary file."""


class Frames(NamedTuple):
    """Consecutive whole records in one buffer.

    buffer: uint8, beginning with the first of these frames; what lies behind the last one means nothing.
    starts: int64 (n,), offsets of the frames in `buffer`.
    lengths: int64 (n,), bytes of their payloads.
    stride: bytes of each frame where all are of one length, else None.
    record, offset: number of the first record, and its byte offset, in the source.
    """

    buffer: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    stride: int | None
    record: int
    offset: int

    @property
    def end(self) -> int:
        """Offset in `buffer` behind the last frame."""
        return int(self.starts[-1]) + framed(int(self.lengths[-1])) if len(self.starts) else 0

    def payload(self, index: int) -> bytes:
        """Copy the payload of one record."""
        start = int(self.starts[index]) + HEADER
        return self.buffer[start : start + int(self.lengths[index])].tobytes()


def framed(length: int) -> int:
    """Work out the bytes of a frame whose payload has `length` bytes."""
    return HEADER + (length + 3 & ~3)


def split(buffer: npt.NDArray[np.uint8], record: int, offset: int) -> Frames:
    """Find the whole frames at the beginning of `buffer`; what follows is a part of one more, or nothing.

    Tried in order: all frames are of one length; the aligned places where the magic stands are the frames; a
    walk from frame to frame (a payload may hold the magic by chance), which also says what is wrong.
    """
    frames = uniform(buffer, record, offset)
    if frames is None:
        found = _by_magic(buffer)
        starts, lengths = found if found is not None else _walk(buffer, record, offset)
        frames = Frames(buffer, starts, lengths, None, record, offset)
    _check_padding(frames)
    return frames


def uniform(buffer: npt.NDArray[np.uint8], record: int, offset: int) -> Frames | None:
    """Find the whole frames where there is one at least and all are as long as the first; else None."""
    found = common_length(buffer)
    if found is None:
        return None
    count, length = found
    stride = framed(length)
    starts = np.arange(count, dtype=np.int64) * stride
    return Frames(buffer, starts, np.full(count, length, np.int64), stride, record, offset)


def common_length(buffer: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """Count the whole frames where all are as long as the first, and tell its payload's length; else None.

    Of a whole file, this is all that its frames need in memory.
    """
    if len(buffer) < HEADER:
        return None
    magic, length = (int(word) for word in buffer[:HEADER].view("<u4"))
    stride = framed(length)
    count = len(buffer) // stride
    if count == 0 or magic != MAGIC or length > LONGEST:
        return None
    words = buffer[: count * stride].view("<u4").reshape(count, stride // 4)
    # Frames of different lengths are mostly told by the second one.
    if count > 1 and not (words[1, 0] == MAGIC and words[1, 1] == length):
        return None
    if not ((words[:, 0] == MAGIC).all() and (words[:, 1] == length).all()):
        return None
    # What follows may be a shorter record, and a whole one; or no record at all.
    following = buffer[count * stride :][:HEADER]
    if len(following) >= 4 and (following != buffer[: len(following)]).any():
        return None
    return count, length


def _check_padding(frames: Frames) -> None:
    """RecordIOError where a byte between a payload and the next frame is not zero."""
    words = frames.buffer[: frames.end].view("<u4").take((frames.starts + HEADER + frames.lengths - 1) >> 2)
    odd = np.flatnonzero(words & PADDING.take(frames.lengths & 3))
    if not len(odd):
        return
    index = int(odd[0])
    at = int(frames.starts[index] + HEADER + frames.lengths[index])
    while not frames.buffer[at]:
        at += 1
    found = f"the byte {int(frames.buffer[at]):#04x} in the padding"
    raise RecordIOError(frames.record + index, frames.offset + at, found, "0x00", WRITTEN_ANEW)


def _by_magic(buffer: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Find frames of any lengths, where the magic stands nowhere but at their beginnings; otherwise None."""
    words = buffer[: len(buffer) & ~3].view("<u4")
    # A magic in the last word is all that there is of its frame.
    at = np.flatnonzero(words[:-1] == MAGIC)
    if not len(at) or at[0] != 0:
        return None
    lengths = words[at + 1].astype(np.int64)
    starts = at * 4
    ends = starts + HEADER + (lengths + 3 & ~3)
    if lengths.max() > LONGEST or not (ends[:-1] == starts[1:]).all():
        return None
    whole = len(starts) if ends[-1] <= len(buffer) else len(starts) - 1
    rest = len(buffer) - int(ends[-1])
    if rest >= 4 and not (rest < HEADER and words[-1] == MAGIC):
        return None  # bytes behind the last frame that do not begin with the magic
    return starts[:whole], lengths[:whole]


def _walk(
    buffer: npt.NDArray[np.uint8], record: int, offset: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Find frames of any lengths, one after another; raises RecordIOError where one begins wrongly."""
    starts: list[int] = []
    lengths: list[int] = []
    view = buffer.data
    at = 0
    while len(view) - at >= 4:
        magic = bytes(view[at : at + 4])
        if magic != MAGIC_BYTES:
            raise RecordIOError(
                record + len(starts),
                offset + at,
                f"the bytes {magic.hex()}",
                f"the magic {MAGIC_BYTES.hex()}",
                "check that this is recordIO-protobuf, and neither CSV, compressed nor damaged",
            )
        if len(view) - at < HEADER:
            break
        length = int.from_bytes(view[at + 4 : at + HEADER], "little")
        if length > LONGEST:
            raise RecordIOError(
                record + len(starts),
                offset + at + 4,
                f"a length of {length} bytes",
                f"at most {LONGEST} (protobuf's limit)",
                WRITTEN_ANEW,
            )
        if len(view) - at < framed(length):
            break
        starts.append(at)
        lengths.append(length)
        at += framed(length)
    return np.array(starts, np.int64), np.array(lengths, np.int64)


def stream_frames(stream: BinaryIO) -> Iterator[Frames]:
    """Yield all records of a stream, a few MiB at a time; it is read once, forward, to its end.

    Each chunk lies in a buffer of its own, so that arrays may go on pointing into it. A record that is longer
    than a chunk makes the buffer grow as its bytes arrive, never by what its length claims.
    Raises RecordIOError for a wrong magic or length, and, once the records before it are handed out, for a
    record that is cut off.
    """
    carry: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
    record = offset = 0
    ended = False
    while not ended:
        size = max(CHUNK, 2 * len(carry))
        buffer = np.empty(size + PIECE, np.uint8)
        buffer[: len(carry)] = carry
        filled = len(carry) + _fill(stream, buffer.data[len(carry) : size])
        ended = filled < size
        frames = split(buffer[:filled], record, offset)
        if len(frames.starts):
            # With the room behind, rows can be copied in whole pieces.
            yield frames._replace(buffer=buffer)
        record += len(frames.starts)
        offset += frames.end
        carry = buffer[frames.end : filled]
    if len(carry):
        raise _cut_off(carry, record, offset)


def _fill(stream: BinaryIO, view: memoryview) -> int:
    """Read until `view` is full or the stream ends → bytes read; short reads (a FIFO's) are repeated."""
    filled = 0
    while filled < len(view):
        count = _read_into(stream, view[filled:])
        if count == 0:
            break
        filled += count
    return filled


def _read_into(stream: Any, view: memoryview) -> int:
    if hasattr(stream, "readinto"):
        count = stream.readinto(view)
    else:
        data = stream.read(len(view))
        if isinstance(data, str):
            raise TypeError("recordIO is binary, and this file gives text: open it in mode 'rb'")
        count = None if data is None else len(data)
        if data:
            view[:count] = data
    if count is None:
        raise BlockingIOError("the stream is non-blocking and has no data yet: open it in blocking mode")
    return int(count)


def _cut_off(rest: npt.NDArray[np.uint8], record: int, offset: int) -> RecordIOError:
    expected = f"a header of {HEADER} bytes"
    if len(rest) >= HEADER:
        expected = f"a frame of {framed(int(rest[4:HEADER].view('<u4')[0]))} bytes, as its header says"
    return RecordIOError(
        record, offset, f"the end of the data after {len(rest)} bytes of the record", expected, WRITTEN_ANEW
    )
