"""Processor time of a process and all below it, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_PARENT, _USER, _SYSTEM = 1, 11, 12  # fields of /proc/PID/stat after the name


def cpu_seconds(pid: int) -> float | None:
    """Return user and system seconds of a process and its descendants; None where there is no /proc."""
    if not (_PROC / "self" / "stat").exists():
        return None
    fields = {int(folder.name): _fields(folder) for folder in _PROC.glob("[0-9]*")}
    family = {pid}
    while True:
        more = {child for child, found in fields.items() if found and int(found[_PARENT]) in family} - family
        if not more:
            break
        family |= more
    ticks = sum(int(found[_USER]) + int(found[_SYSTEM]) for each in family if (found := fields.get(each)))
    return ticks / os.sysconf("SC_CLK_TCK")


def _fields(folder: Path) -> list[str]:
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # gone meanwhile
        return []
