"""The processes that a rehearsal starts, each ended by its own number with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

_START_SECONDS = 60.0
_END_SECONDS = 15.0
_SHOWN_LINES = 15


class ProcessError(RuntimeError):
    """A process that did not start; the text ends with the last lines that it wrote."""


class Process:
    """A server in a process group of its own; a context manager that ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        patience: float = _END_SECONDS,
    ):
        """Start it.

        Args:
            name: for messages.
            command: its words.
            environment: all of its variables.
            log: takes its output.
            patience: seconds to end by itself.

        """
        self.name = name
        self._patience = patience
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises:
            ProcessError: it ended, or is not ready within a minute.

        """
        until = time.monotonic() + _START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise ProcessError(f"{self.name} did not start; its last lines:\n{self.last_lines()}")
            time.sleep(0.05)

    def last_lines(self) -> str:
        """Return the end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(self._patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        # What it started and did not end itself, such as an emulated function.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def listens(port: int) -> bool:
    """Return whether somebody accepts connections at a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
