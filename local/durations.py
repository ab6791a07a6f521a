"""ISO 8601 durations, as a step's `CacheConfig.ExpireAfter` writes them."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P?(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE,
)
_DAYS = {"years": 365, "months": 30, "weeks": 7, "days": 1}


def duration(text: str) -> timedelta:
    """Read a duration such as `P30D`, `PT1H` or, as the developer guide prints them, `30d` and `30dT5h`.

    A year counts 365 days and a month 30.

    Raises:
        ValueError: not a duration.

    """
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no ISO 8601 duration; write P30D, PT12H or P1DT6H")
    parts = {name: int(value or 0) for name, value in match.groupdict().items()}
    days = sum(parts.pop(name) * length for name, length in _DAYS.items())
    return timedelta(days=days, **parts)


def in_words(length: timedelta) -> str:
    """Return a length of time in its largest fitting unit, such as "2 days"."""
    seconds = int(length.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"
