"""Which process is meant by a recorded number, and the end of jobs whose runner was killed.

A process number is used again after its process is gone, so it is recorded together with the process's start
time, and both have to match before anything is signalled.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_PROC = Path("/proc")
_START_FIELD = 19  # of /proc/PID/stat, counted after the name: the start in clock ticks since boot


def process_started(pid: int) -> str | None:
    """Return a text that tells this process from a later one with the same number; None when it is gone."""
    if _PROC.joinpath("self").exists():
        return _started_linux(pid)
    return _started_elsewhere(pid)


def _started_linux(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[_START_FIELD]


def _started_elsewhere(pid: int) -> str | None:
    import subprocess

    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def end_orphan(pid: int | None, started: str | None, job_root: Path) -> None:
    """Kill what is left of a job: its process group, and any process that was given this job's root.

    The root is looked for in the processes' environments (where /proc has them): it finds the descendants of
    a process that is gone, and one whose number was not recorded before the runner died.
    """
    if pid is not None and started is not None and process_started(pid) == started:
        _kill_group(pid)
    marker = f"SAGEMAKER_BASE_DIR={job_root}".encode()
    for process in _PROC.glob("[0-9]*"):
        try:
            ours = marker in (process / "environ").read_bytes().split(b"\0")
        except OSError:  # gone meanwhile, or another user's
            continue
        if ours:
            _kill(int(process.name))


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
