"""One job as a process of its own: its seconds, and the most memory that it ever held.

Memory is anonymous memory: what the process wrote and the kernel can only give back by ending it. Pages of
mapped files count in the resident set, too, but they are the page cache's; the kernel drops them when
memory is wanted. The kernel keeps no high-water mark of anonymous memory, so `RssAnon` of /proc/PID/status
is looked at every 5 ms. `VmHWM`, the kernel's own mark, is of all resident pages: where a job maps no file
of its own, its libraries' pages (some 50 MB) are all the difference, which shows what the samples may have
missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import REPOSITORY, clean_environment
from benchmarks.timing import have_memory_free

LOOK_SECONDS = 0.005


class JobFailedError(Exception):
    """A job ended with an error; the text is its last words."""


@dataclass(frozen=True)
class Spent:
    """What one job took.

    seconds: wall clock of the work, without the start of the process and its imports.
    cpu_seconds: processor time of the same, user and system, of all threads.
    peak_mb: the most anonymous memory, in MB (10⁶ bytes). resident_mb: the same with pages of mapped files.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    resident_mb: float


def run_job(base: Path, module: str, *arguments: str) -> Spent:
    """Run `python -m MODULE ARGUMENTS` below a base directory, as the container does, by `growth_job`.

    Raises:
        JobFailedError: its exit code is not 0.

    """
    log, answer = base / "log", base / "answer.json"
    have_memory_free()  # the largest jobs write 410 MB of scratch
    with log.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.growth_job", str(answer), module, *arguments],
            cwd=REPOSITORY,
            env=clean_environment(SAGEMAKER_BASE_DIR=str(base), OPENBLAS_NUM_THREADS="1"),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        peak, resident = _watch(child)
    if child.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise JobFailedError(f"{module} {' '.join(arguments)} ended with {child.returncode}: {''.join(last)}")
    return Spent(**json.loads(answer.read_text()), peak_mb=peak / 1000, resident_mb=resident / 1000)


def _watch(child: subprocess.Popen[bytes]) -> tuple[float, float]:
    """Wait for the end; the largest RssAnon and VmHWM that were seen, in units of 1,000 bytes."""
    status = Path(f"/proc/{child.pid}/status")
    peak = resident = 0.0
    while child.poll() is None:
        with suppress(OSError):  # it may end between the two calls
            found = _fields(status.read_text(), ("RssAnon", "VmHWM"))
            peak, resident = max(peak, found[0]), max(resident, found[1])
        with suppress(subprocess.TimeoutExpired):
            child.wait(LOOK_SECONDS)
    return peak, resident


def _fields(status: str, names: Sequence[str]) -> list[float]:
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return [int(lines.get(name, "0 kB").split()[0]) * 1.024 for name in names]
