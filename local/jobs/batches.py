"""How batch transform cuts an object into request bodies: by SplitType, BatchStrategy and MaxPayloadInMB."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from local.errors import StepError

_MAGIC = 0xCED7230A
_LENGTH_MASK = (1 << 29) - 1  # the upper three bits tell the parts of a split record
_HEADER = struct.Struct("<II")
_CHUNK = 1 << 20

Cut = Callable[[bytes, int, int, bool], int]
"""(data, start, stop, final) → where the body that begins at `start` ends, at `stop` at the latest; `start`
where not one whole record fits. `final` says that the object ends at `stop`."""


def batches(path: Path, split: str, strategy: str, limit: int) -> Iterator[bytes]:
    """Yield the request bodies of one object, in order.

    Args:
        path: the object's file.
        split: None (the object is one body), Line or RecordIO.
        strategy: MultiRecord (as many records as fit) or SingleRecord.
        limit: the most bytes of a body; 0 for any.

    Raises:
        StepError: a record (or an object that is not split) is larger than the limit, or is damaged.

    """
    if split == "None":
        yield _whole(path, limit)
        return
    cut = _CUTS[split, strategy]
    # One byte more than a body is held, so that a body's end is known to be the object's.
    room = limit or path.stat().st_size
    held, start, at_end = b"", 0, False
    with path.open("rb") as source:
        while True:
            while not at_end and len(held) - start <= room:
                data = source.read(max(_CHUNK, room + 1 - len(held) + start))
                held, start, at_end = held[start:] + data, 0, not data
            if start == len(held):
                return
            stop = min(len(held), start + room)
            final = at_end and stop == len(held)
            end = cut(held, start, stop, final)
            if end == start:
                raise _no_record(path, room, final)
            yield held[start:end]
            start = end


def _whole(path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    if limit and size > limit:
        raise StepError(
            f"ClientError: {path.name} has {size} bytes, more than MaxPayloadInMB allows ({limit}); "
            "set SplitType, or a larger MaxPayloadInMB"
        )
    return path.read_bytes()


def _no_record(path: Path, limit: int, final: bool) -> StepError:
    if final:
        return StepError(f"ClientError: {path.name} ends in the midst of a RecordIO record")
    return StepError(
        f"ClientError: a record of {path.name} is larger than MaxPayloadInMB allows ({limit} bytes); "
        "set a larger one"
    )


def _all_lines(data: bytes, start: int, stop: int, final: bool) -> int:
    return stop if final else max(start, data.rfind(b"\n", start, stop) + 1)


def _one_line(data: bytes, start: int, stop: int, final: bool) -> int:
    end = data.find(b"\n", start, stop) + 1
    return end or (stop if final else start)


def _all_records(data: bytes, start: int, stop: int, final: bool) -> int:
    end = start
    while (following := _one_record(data, end, stop, final)) > end:
        end = following
    return end


def _one_record(data: bytes, start: int, stop: int, _final: bool) -> int:
    """Return where the record at `start` ends, with its padding to four bytes."""
    if start + _HEADER.size > stop:
        return start
    magic, word = _HEADER.unpack_from(data, start)
    if magic != _MAGIC:
        raise StepError(f"ClientError: no RecordIO record begins where one should: found {magic:#010x}")
    length: int = (word & _LENGTH_MASK) + 3 & ~3
    end = start + _HEADER.size + length
    return end if end <= stop else start


_CUTS: dict[tuple[str, str], Cut] = {
    ("Line", "MultiRecord"): _all_lines,
    ("Line", "SingleRecord"): _one_line,
    ("RecordIO", "MultiRecord"): _all_records,
    ("RecordIO", "SingleRecord"): _one_record,
}
