"""What no single setting of an endpoint can tell: settings that are each allowed and cannot hold together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from serving.checks import Problem

if TYPE_CHECKING:
    from serving.settings import Endpoint

_LEAST_LINEAR_STEP = 10


def contradictions(made: Endpoint) -> Iterator[Problem]:
    """Yield what an endpoint's settings contradict each other in."""
    yield from _serverless(made) if made.serverless else _with_instances(made)
    if made.in_vpc and not (made.subnets and made.security_groups):
        yield "in_vpc", True, "false, or subnets and security_groups as well"
    if not made.asynchronous:
        for key in ("success_topic", "error_topic"):
            if getattr(made, key) is not None:
                yield key, getattr(made, key), "nothing: only asynchronous endpoints tell a topic"


def _serverless(made: Endpoint) -> Iterator[Problem]:
    """Refuse what AWS does not offer for serverless endpoints."""
    unset = {
        "instance_type": None,
        "instance_count": None,
        "max_instance_count": None,
        "scale_to_zero": False,
        "previous_weight": 0.0,
        "shifting": None,
        "capture_percent": 0,
        "in_vpc": False,
        "alarms": None,
    }
    for key, nothing in unset.items():
        if getattr(made, key) != nothing:
            yield key, getattr(made, key), "nothing: a serverless endpoint does not have it"


def _with_instances(made: Endpoint) -> Iterator[Problem]:
    count = made.instance_count or 1
    for key in ("memory_mb", "max_concurrency"):
        if getattr(made, key) is not None:
            yield (
                key,
                getattr(made, key),
                f"nothing: kind {made.kind} takes instance_type and instance_count",
            )
    if made.scale_to_zero and not made.asynchronous:
        yield (
            "scale_to_zero",
            True,
            "false: only an asynchronous endpoint keeps requests while it has no instance",
        )
    if made.asynchronous and made.previous_weight:
        yield "previous_weight", made.previous_weight, "0: an asynchronous endpoint has one variant"
    if made.shifting == "linear" and made.step_percent < _LEAST_LINEAR_STEP:
        yield "step_percent", made.step_percent, f"{_LEAST_LINEAR_STEP} to 50 for linear shifting"
    if made.shifting in ("canary", "linear") and count < 2:
        yield (
            "shifting",
            made.shifting,
            "all-at-once, or an instance_count of 2 or more: half a fleet is the largest step",
        )
    if made.max_instance_count is not None and made.max_instance_count < count:
        yield "max_instance_count", made.max_instance_count, f"at least instance_count, which is {count}"
    if made.max_instance_count is not None and made.instance_type and made.instance_type.startswith("ml.t2."):
        yield "max_instance_count", made.max_instance_count, "nothing: ml.t2 instances do not scale"
