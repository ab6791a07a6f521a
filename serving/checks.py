"""What a single setting of an endpoint may be: key → how it is told, and what to say where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

KINDS = ("real-time", "serverless", "asynchronous")
SHIFTINGS = ("all-at-once", "canary", "linear")
MEMORY_MB = (1024, 2048, 3072, 4096, 5120, 6144)
NEVER = "never"
_MOST_ALARMS = 10
_LONGEST_BAKE_SECONDS = 3600
_LEAST_HOURS, _MOST_HOURS = 0.01, 8760

Problem = tuple[str, object, str]
"""A key, the value found there, and what is allowed."""

_Check = tuple[Callable[[Any], bool], str]


def _whole(least: int, most: int) -> _Check:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        f"a whole number from {least} to {most}",
    )


def _number(least: float, most: float) -> _Check:
    return (
        lambda value: (
            isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
        ),
        f"a number from {least} to {most}",
    )


def _starts(*openings: str) -> _Check:
    return (
        lambda value: isinstance(value, str) and value.startswith(openings),
        f"a text that begins with {' or '.join(openings)}",
    )


def _one_of(*allowed: object) -> _Check:
    return (lambda value: value in allowed, ", ".join(str(entry) for entry in allowed))


def _texts(least: int, most: int) -> _Check:
    return (
        lambda value: (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(isinstance(entry, str) and entry for entry in value)
        ),
        f"a list of {least} to {most} texts",
    )


_FLAG: _Check = (lambda value: isinstance(value, bool), "true or false")
_TEXT: _Check = (lambda value: isinstance(value, str) and value != "", "a text")

_CHECKS: dict[str, _Check] = {
    "task": _TEXT,
    "kind": _one_of(*KINDS),
    "instance_type": _starts("ml."),
    "instance_count": _whole(1, 100),
    "max_instance_count": _whole(1, 100),
    "invocations_per_instance": _whole(1, 1_000_000),
    "backlog_per_instance": _whole(1, 1_000_000),
    "scale_to_zero": _FLAG,
    "memory_mb": _one_of(*MEMORY_MB),
    "max_concurrency": _whole(1, 200),
    "previous_weight": _number(0, 0.9),
    "shifting": _one_of(*SHIFTINGS),
    "step_percent": _whole(1, 50),
    "bake_seconds": _whole(0, _LONGEST_BAKE_SECONDS),
    "alarms": _texts(1, _MOST_ALARMS),
    "capture_percent": _whole(0, 100),
    "time_to_live_hours": (
        lambda value: value == NEVER or _number(_LEAST_HOURS, _MOST_HOURS)[0](value),
        f"a number from {_LEAST_HOURS} to {_MOST_HOURS}, or {NEVER}",
    ),
    "role_arn": _starts("arn:"),
    "roles": (
        lambda value: (
            isinstance(value, dict)
            and all(isinstance(role, str) and role.startswith("arn:") for role in value.values())
        ),
        "a table of algorithm → role ARN",
    ),
    "in_vpc": _FLAG,
    "subnets": _texts(1, 16),
    "security_groups": _texts(1, 5),
    "kms_key_arn": _starts("arn:"),
    "output": _starts("s3://"),
    "success_topic": _starts("arn:"),
    "error_topic": _starts("arn:"),
}

_MAY_BE_NOTHING = frozenset(
    {"time_to_live_hours", "max_instance_count", "role_arn", "kms_key_arn", "output", "instance_type"}
    | {"instance_count", "memory_mb", "max_concurrency", "success_topic", "error_topic"}
)
"""What may be null in JSON, as if it were not named; a null time to live means never."""


def wrong(table: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the settings of a table that do not exist, or have a value that is not allowed."""
    for key, value in table.items():
        if key not in _CHECKS:
            yield f"{key} (no such setting)", value, ", ".join(sorted(_CHECKS))
            continue
        fits, allowed = _CHECKS[key]
        if not (fits(value) or (value is None and key in _MAY_BE_NOTHING)):
            yield key, value, allowed
