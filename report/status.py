"""A status as colour, icon and word at once, so that none of the three is needed to read the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from report.markup import Markup, tag

# SVG path data in a 12 x 12 box, drawn as strokes.
_TICK = "M2.2 6.4 4.9 9 9.8 3.2"
_CROSS = "M3 3 9 9M9 3 3 9"
_RUNNING = "M6 1.8A4.2 4.2 0 1 1 1.8 6M6 3.6V6.2L7.8 7.4"
_DASH = "M2.8 6H9.2"
_CACHED = "M9.7 4.2A4.2 4.2 0 1 0 10.2 6.6M10.2 1.8V4.5H7.5"
_PENDING = "M6 1.8A4.2 4.2 0 1 1 5.99 1.8M6 3.6V6.2L7.8 7.4"

NOT_RUN = "NotRun"


@dataclass(frozen=True)
class Status:
    """How a status looks: `kind` (ok, bad, busy or idle) picks the colour in style.css."""

    kind: str
    icon: str
    word: str


_KNOWN = {
    "succeeded": Status("ok", _TICK, "Succeeded"),
    "failed": Status("bad", _CROSS, "Failed"),
    "stopped": Status("bad", _DASH, "Stopped"),
    "stopping": Status("busy", _RUNNING, "Stopping"),
    "executing": Status("busy", _RUNNING, "Executing"),
    "starting": Status("busy", _RUNNING, "Starting"),
    "notrun": Status("idle", _DASH, "Not run"),
    "notexecuted": Status("idle", _DASH, "Not run"),
    "skipped": Status("idle", _DASH, "Not run"),
    "approved": Status("ok", _TICK, "Approved"),
    "rejected": Status("bad", _CROSS, "Rejected"),
    "pendingmanualapproval": Status("busy", _PENDING, "Pending manual approval"),
}


def look(status: Any, *, cached: bool = False) -> Status:
    """Return the look of SageMaker's `status`; a word that is not known is shown as it stands."""
    text = str(status or NOT_RUN)
    known = _KNOWN.get(text.lower().replace(" ", "").replace("_", ""))
    if known is None:
        return Status("idle", _DASH, text)
    return Status("ok", _CACHED, "From cache") if cached and known.kind == "ok" else known


def step_look(step: Mapping[str, Any] | None) -> Status:
    """Return the look of a step of an execution; None is a step that the execution never came to."""
    if step is None:
        return _KNOWN["notrun"]
    return look(step.get("status"), cached=bool(step.get("cached")))


def icon(status: Status) -> Markup:
    """Return the status's icon alone, for a word to follow."""
    return tag("svg", tag("path", d=status.icon), class_="icon", viewBox="0 0 12 12", aria_hidden="true")


def badge(status: Status, *, large: bool = False) -> Markup:
    """Return the icon and the word on a tinted ground."""
    size = " large" if large else ""
    return tag("span", icon(status), status.word, class_=f"badge {status.kind}{size}")
