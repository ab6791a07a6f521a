"""Predictions by an endpoint: the rows go out in requests of the size that it takes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from cli.batch import RECORDIO, Prepared

LARGEST_BODY = 5 * 1024 * 1024
"""Bytes of one request, below the 6 MiB that an endpoint takes."""

_FRAME = struct.Struct("<II")


def ask(prepared: Prepared, answers: Path, invoke: Callable[[bytes], bytes]) -> None:
    """Send the rows and write each answer to a file of its own, in the order of the rows.

    Args:
        prepared: the rows, as the model takes them.
        answers: an empty folder, which gets `00000.out`, `00001.out`, ….
        invoke: sends a body and returns the answer.

    """
    for number, body in enumerate(_bodies(prepared)):
        (answers / f"{number:05d}.out").write_bytes(invoke(body))


def _bodies(prepared: Prepared) -> Iterator[bytes]:
    """Yield whole rows, as many as fit into a request, and at least one."""
    body = bytearray()
    for row in _rows(prepared):
        if body and len(body) + len(row) > LARGEST_BODY:
            yield bytes(body)
            body.clear()
        body += row
    if body:
        yield bytes(body)


def _rows(prepared: Prepared) -> Iterator[bytes]:
    with prepared.channel.open("rb") as file:
        if prepared.content_type != RECORDIO:
            yield from file
            return
        # A record is a magic number, its length, and its bytes filled up to a multiple of four.
        while head := file.read(_FRAME.size):
            _, length = _FRAME.unpack(head)
            yield head + file.read(-(-length // 4) * 4)
