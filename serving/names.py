"""Names that follow from content, and the tags of everything that is made.

Two deliveries of the same event ask for the same names, so the second finds what the first has made.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TASK = "trainyard:task"
MODEL_PACKAGE = "trainyard:model-package"
EXECUTION = "trainyard:execution"
EXPIRES = "trainyard:expires"
ATTEMPT = "trainyard:attempt"
"""On an endpoint: the configuration that was asked for last, and when (`NAME@TIME`)."""
SCALING = "trainyard:scaling"
"""On an endpoint: that a scalable target was registered for it."""
REMOVED = "trainyard:removed"
"""On a model package group: when its endpoint was removed; events from before do not bring it back."""

NEVER = "never"
_FRONT = 44
_DIGITS = 10


def content_name(group: str, version: int, request: Mapping[str, Any]) -> str:
    """Return `GROUP-vVERSION-HASH`, at most 63 characters; the hash is of the request's content."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return f"{front(group)}{version}-{digest}"


def front(group: str) -> str:
    """Return what the names that `content_name` makes for a group begin with."""
    return f"{group[:_FRONT].rstrip('-')}-v"


def is_made_for(group: str, name: str) -> bool:
    """Return whether a name is one that `content_name` makes for a group."""
    return re.fullmatch(rf"{re.escape(front(group))}\d+-[0-9a-f]{{{_DIGITS}}}", name) is not None


def as_tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(values.items())]


def as_time(moment: datetime, *, exact: bool = False) -> str:
    """Return a time as a tag holds it: ISO 8601 in UTC, to the second, or exactly."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if exact else "%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read a time as `as_time`, or EventBridge, writes it."""
    return datetime.fromisoformat(text)
