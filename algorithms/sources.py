"""Where a channel's bytes come from: files in a folder, or one FIFO an epoch."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from algorithms.errors import CustomerError

GZIP_MAGIC = b"\x1f\x8b"
FIFO_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Source:
    """One stretch of bytes.

    label: what messages call it. path: what to open. mappable: a plain file, uncompressed: it may be mapped.
    """

    label: str
    path: Path
    gzip: bool
    mappable: bool

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading from the start; leaving early closes it (the writer of a FIFO gets EPIPE)."""
        with self.path.open("rb") as file:
            if self.gzip and file.peek(2)[:2] == GZIP_MAGIC:
                with gzip.GzipFile(fileobj=file) as plain:
                    yield io.BufferedReader(cast("io.RawIOBase", plain), 1 << 20)
            else:
                yield file


def file_sources(folder: Path, channel: str, *, may_be_gzipped: bool) -> list[Source]:
    """All files below the channel's folder in the order of their names; empty files are left out."""
    if not folder.is_dir():
        raise CustomerError(f"channel {channel!r} has no data: there is no folder {folder}")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if not paths:
        raise CustomerError(f"channel {channel!r} is empty: there is no data in {folder}")
    return [_file_source(path, folder, channel, may_be_gzipped) for path in paths]


def _file_source(path: Path, folder: Path, channel: str, may_be_gzipped: bool) -> Source:
    with path.open("rb") as file:
        gzipped = file.read(2) == GZIP_MAGIC
    label = f"channel {channel!r}, file {str(path.relative_to(folder))!r}"
    if gzipped and not may_be_gzipped:
        raise CustomerError(f"{label} is gzipped: set the channel's CompressionType to 'Gzip', or unzip it")
    return Source(label, path, gzip=gzipped, mappable=not gzipped)


def fifo_source(data: Path, channel: str, epoch: int, *, may_be_gzipped: bool) -> Source:
    """Return the FIFO of an epoch (from 0), waiting until the platform has made it."""
    path = data / f"{channel}_{epoch}"
    while not path.exists():
        time.sleep(FIFO_POLL_SECONDS)
    return Source(f"channel {channel!r}, epoch {epoch}", path, gzip=may_be_gzipped, mappable=False)
