"""One child process in a session of its own: start, wait, stop, and nothing left behind."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import CAPACITY_ERROR, StepError

_LOOK_SECONDS = 0.02
_LONGEST_WAIT = 86_400.0
_LOOK = getattr(os, "WEXITED", 0) | getattr(os, "WNOWAIT", 0)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Process:
    """A running command, whose output goes to a file.

    It leads a session of its own: a Ctrl-C at the terminal reaches the runner alone, and a signal to
    the group reaches all descendants.

    Attributes:
        pid: the number of its main process.
        seconds: how long the main process ran; None until `wait` has seen its end.

    """

    def __init__(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path):
        self.seconds: float | None = None
        self._started = time.monotonic()
        with log.open("ab") as output:
            self._child = _start(command, cwd, environment, output.fileno())
        self.pid = self._child.pid
        self._lock = threading.Lock()
        self._kill: threading.Timer | None = None

    def wait(self) -> int:
        """Wait for the end; return the exit code, or minus the number of the signal that ended it.

        What the command left running is killed: a job is over when its main process is.
        """
        self._wait_for_end()
        if self.seconds is None:
            self.seconds = time.monotonic() - self._started
        with self._lock:
            if self._child.returncode is None:
                self._signal(signal.SIGKILL)
                self._child.wait()
        if self._kill:
            self._kill.cancel()
        return self._child.returncode

    def ended(self) -> bool:
        """Return whether the main process has ended."""
        if self._child.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._child.poll() is not None
        return os.waitid(os.P_PID, self.pid, _LOOK | os.WNOHANG) is not None

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of the main process, `seconds` at most; return whether it came."""
        deadline = time.monotonic() + seconds
        handle = _watchable(self.pid)
        try:
            while not self.ended():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if handle is None:
                    time.sleep(min(left, _LOOK_SECONDS))
                else:
                    _poll(handle, min(left, _LONGEST_WAIT))
            return True
        finally:
            if handle is not None:
                os.close(handle)

    def _wait_for_end(self) -> None:
        """Wait until the child is a zombie: its number cannot be another process's until it is reaped."""
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            self._child.wait()
            return
        try:
            os.waitid(os.P_PID, self.pid, _LOOK)
        except ChildProcessError:  # another thread waited too, and was first
            return

    def stop(self, grace: float) -> None:
        """Send SIGTERM now and SIGKILL after `grace` seconds (at once where it is 0); return at once."""
        self._send(signal.SIGTERM if grace > 0 else signal.SIGKILL)
        if grace > 0:
            if self._kill:
                self._kill.cancel()
            self._kill = threading.Timer(grace, self._send, [signal.SIGKILL])
            self._kill.daemon = True
            self._kill.start()

    def _send(self, number: signal.Signals) -> None:
        with self._lock:
            if self._child.returncode is None:
                self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            # The group is empty, or (on macOS) holds zombies alone.
            return


def _watchable(pid: int) -> int | None:
    """Return a descriptor that is readable once a process has ended; None where the kernel gives none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3, or a sandbox that does not know the call
        return None


def _poll(handle: int, seconds: float) -> None:
    """Wait until a descriptor is readable; unlike select, poll takes those above 1,023."""
    watch = select.poll()
    watch.register(handle, select.POLLIN)
    watch.poll(seconds * 1000)


def _start(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], output: int
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.ENOMEM):
            raise StepError(
                f"CapacityError: cannot start {command[0]!r}: {error.strerror}", CAPACITY_ERROR
            ) from None
        raise StepError(f"ClientError: cannot start {command[0]!r}: {error.strerror}") from None
