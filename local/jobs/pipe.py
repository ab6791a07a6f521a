"""Pipe mode: a channel's objects streamed into FIFOs, `CHANNEL_0`, `CHANNEL_1`, … one an epoch.

The FIFO of the next epoch exists before the present one is read, so a reader can go on at once. A reader may
close early, and need not open at all. A FIFO is removed once it was read: who opens it again gets an error
rather than a wait without end.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

_CHUNK = 1 << 20
_MOMENT = 0.02


class Feeder:
    """Feeds one channel until it is closed.

    Attributes:
        error: what went wrong on this side, or None.

    """

    def __init__(self, folder: Path, channel: str, files: Sequence[Path]):
        self.error: OSError | None = None
        self._folder = folder
        self._channel = channel
        self._files = files
        self._closing = False
        self._fifo = self._make(0)
        self._thread = threading.Thread(target=self._run, name=f"feeder-{channel}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the feeding, wherever it is; the readers are gone by now."""
        self._closing = True
        while self._thread.is_alive():
            # Being a reader for a moment wakes a thread that waits for one; leaving again ends one that waits
            # for room in the pipe.
            with contextlib.suppress(FileNotFoundError):
                opening = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
                self._thread.join(_MOMENT)
                os.close(opening)
            self._thread.join(_MOMENT)

    def _make(self, epoch: int) -> Path:
        path = self._folder / f"{self._channel}_{epoch}"
        os.mkfifo(path)
        return path

    def _run(self) -> None:
        try:
            epoch = 0
            while not self._closing:
                following = self._make(epoch + 1)
                self._feed(self._fifo)
                self._fifo.unlink(missing_ok=True)
                self._fifo, epoch = following, epoch + 1
        except OSError as error:
            self.error = error

    def _feed(self, fifo: Path) -> None:
        target = os.open(fifo, os.O_WRONLY)  # waits for the reader
        try:
            for file in self._files:
                if self._closing:
                    return
                self._pour(file, target)
        except BrokenPipeError:
            return  # the reader closed early, which is its right
        finally:
            os.close(target)

    def _pour(self, file: Path, target: int) -> None:
        with file.open("rb", buffering=0) as source:
            if hasattr(
                os, "splice"
            ):  # from the page cache into the pipe, without a copy through this process
                while not self._closing and os.splice(source.fileno(), target, _CHUNK):
                    pass
                return
            while not self._closing and (data := source.read(_CHUNK)):
                _write_all(target, data)


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
