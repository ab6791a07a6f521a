"""Step caching as SageMaker defines it: what makes the key, how long a result serves, and why or why not.

The attributes are those of the developer guide's "Default cache key attributes by pipeline step type". Output
locations are not among them. A Model step without ModelName makes a model with a new name in every execution,
on SageMaker as here; so a Transform of it is never served from the cache (aws/sagemaker-python-sdk #3392).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.arns import parse_time
from local.durations import duration, in_words
from local.errors import StepError
from local.objects import ObjectStore
from local.records import Records, Row
from local.views import outputs

KEY_ATTRIBUTES = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
}
_SHOWN_DIFFERENCES = 3
_NEW_MODEL = (
    " (a Model step without ModelName makes a model with a new name in each execution, here as on SageMaker)"
)


@dataclass(frozen=True)
class Decision:
    """Whether a step is served from the cache.

    Attributes:
        hit: the earlier run that serves it, or None.
        reason: why, in words.
        key: what the step's own run is to be found by later, or None where caching is off.

    """

    hit: Row | None
    reason: str
    key: dict[str, Any] | None


def decide(
    records: Records, objects: ObjectStore, pipeline: str, step: Mapping[str, Any], request: Mapping[str, Any]
) -> Decision:
    """Look for an earlier run of a step that serves this one.

    Args:
        records: where the runs are recorded.
        objects: where their results are.
        pipeline: the pipeline's name; runs of other pipelines do not count.
        step: the step as in the definition.
        request: its arguments, all expressions resolved.

    Raises:
        StepError: ExpireAfter is no duration.

    """
    config = step.get("CacheConfig", {})
    if not config.get("Enabled"):
        return Decision(None, "caching is off for this step", None)
    key = {name: request[name] for name in KEY_ATTRIBUTES[step["Type"]] if name in request}
    lifetime = _lifetime(step["Name"], config.get("ExpireAfter"))
    runs = records.successes(pipeline, step["Name"])
    for run in runs:
        if _stored(run)["key"] == key:
            return _served(objects, run, key, lifetime)
    if not runs:
        return Decision(None, "no earlier run of this step succeeded with caching on", key)
    return Decision(None, f"{_changes(runs[0], key)} since execution {runs[0]['execution']}", key)


def stored_key(objects: ObjectStore, key: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    """Return what is recorded with a run that succeeded: its key, and which of its outputs hold objects."""
    artifacts = [uri for uri in outputs(properties).values() if objects.exists(uri)]
    return json.dumps({"key": key, "artifacts": artifacts})


def _stored(run: Row) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(run["cache_key"])
    return stored


def _served(objects: ObjectStore, run: Row, key: dict[str, Any], lifetime: timedelta | None) -> Decision:
    """Return the decision for the newest run with an equal key: older ones have expired where it has."""
    age = datetime.now(UTC) - parse_time(run["ended"])
    source = f"execution {run['execution']}"
    if lifetime is not None and age > lifetime:
        return Decision(None, f"the result of {source} expired {in_words(age - lifetime)} ago", key)
    gone = [uri for uri in _stored(run)["artifacts"] if not objects.exists(uri)]
    if gone:
        return Decision(None, f"artifact gone: {gone[0]} of {source} is no longer there", key)
    return Decision(run, f"same inputs as {source}, {in_words(age)} ago", key)


def _lifetime(step: str, text: str | None) -> timedelta | None:
    try:
        return duration(text) if text else None
    except ValueError as error:
        raise StepError(f"ClientError: step {step!r}: CacheConfig.ExpireAfter: {error}") from None


# --- why not ------------------------------------------------------------------------------------------------


def _changes(run: Row, key: Mapping[str, Any]) -> str:
    found = list(_differences(_stored(run)["key"], key, ""))
    more = f" and {len(found) - _SHOWN_DIFFERENCES} more changes" if len(found) > _SHOWN_DIFFERENCES else ""
    only_model = run["type"] == "Transform" and all(text.startswith("ModelName") for text in found)
    return "; ".join(found[:_SHOWN_DIFFERENCES]) + more + (_NEW_MODEL if only_model else "")


def _differences(before: object, after: object, path: str) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            below = f"{path}.{name}" if path else name
            if name not in before:
                yield f"{below} is new ({_shown(after[name])})"
            elif name not in after:
                yield f"{below} is gone (was {_shown(before[name])})"
            else:
                yield from _differences(before[name], after[name], below)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{_entry_name(new, index)}]")
    else:
        yield f"{path} changed {_shown(before)} → {_shown(after)}"


def _entry_name(entry: object, index: int) -> str:
    names: Sequence[str] = ("InputName", "ChannelName", "Name")
    if isinstance(entry, dict):
        return next((str(entry[name]) for name in names if name in entry), str(index))
    return str(index)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:40]}…{text[-79:]}"
