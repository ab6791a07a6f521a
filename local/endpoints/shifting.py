"""How an update moves traffic from the old fleet to the new: a DeploymentConfig as a list of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ALL_AT_ONCE = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
_LONGEST = 8 * 3600


@dataclass(frozen=True)
class Step:
    """One shift: the new fleet's share of the traffic, how long it bakes, the instances that it takes."""

    share: float
    bake: float
    new_instances: float = 1.0
    old_instances: float = 1.0


@dataclass(frozen=True)
class Plan:
    """A whole deployment.

    Attributes:
        steps: the last one has share 1.
        termination_wait: seconds after the last step in which the old fleet stands by.
        limit: seconds that all of it may take.
        alarms: the names of the alarms that roll it back.

    """

    steps: tuple[Step, ...]
    termination_wait: float = 0.0
    limit: float = _LONGEST
    alarms: tuple[str, ...] = ()


def plan(config: Mapping[str, Any] | None, instances: int) -> Plan:
    """Return the steps of a DeploymentConfig.

    Args:
        config: the request's DeploymentConfig, or None: all at once.
        instances: of the new fleet; what INSTANCE_COUNT is a part of.

    Raises:
        ValueError: it contradicts itself, or exceeds what the service allows.

    """
    config = config or {}
    listed = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    if not all("AlarmName" in alarm for alarm in listed):
        raise ValueError("an alarm of AutoRollbackConfiguration has no AlarmName; name it")
    alarms = tuple(alarm["AlarmName"] for alarm in listed)
    if "BlueGreenUpdatePolicy" in config and "RollingUpdatePolicy" in config:
        raise ValueError("DeploymentConfig has both BlueGreenUpdatePolicy and RollingUpdatePolicy; give one")
    if rolling := config.get("RollingUpdatePolicy"):
        limit = rolling.get("MaximumExecutionTimeoutInSeconds", _LONGEST)
        return Plan(_rolling(rolling, instances), 0.0, limit, alarms)
    policy = config.get("BlueGreenUpdatePolicy", {})
    return Plan(
        _blue_green(policy.get("TrafficRoutingConfiguration", _ALL_AT_ONCE), instances),
        policy.get("TerminationWaitInSeconds", 0),
        policy.get("MaximumExecutionTimeoutInSeconds", _LONGEST),
        alarms,
    )


def _blue_green(routing: Mapping[str, Any], instances: int) -> tuple[Step, ...]:
    kind, bake = routing["Type"], routing["WaitIntervalInSeconds"]
    for member, owner in (("CanarySize", "CANARY"), ("LinearStepSize", "LINEAR")):
        if (member in routing) != (kind == owner):
            verb = "needs" if kind == owner else "takes no"
            raise ValueError(f"TrafficRoutingConfiguration of type {kind} {verb} {member}")
    if kind == "ALL_AT_ONCE":
        return (Step(1.0, bake),)
    if kind == "CANARY":
        return (Step(_part(routing["CanarySize"], instances, "CanarySize", 0.0, 0.5), bake), Step(1.0, bake))
    part = _part(routing["LinearStepSize"], instances, "LinearStepSize", 0.1, 0.5)
    return tuple(Step(min(number * part, 1.0), bake) for number in range(1, math.ceil(1 / part - 1e-9) + 1))


def _rolling(policy: Mapping[str, Any], instances: int) -> tuple[Step, ...]:
    part = _part(policy["MaximumBatchSize"], instances, "MaximumBatchSize", 0.05, 0.5)
    shares = [min(number * part, 1.0) for number in range(1, math.ceil(1 / part - 1e-9) + 1)]
    return tuple(Step(share, policy["WaitIntervalInSeconds"], share, 1.0 - share) for share in shares)


def _part(size: Mapping[str, Any], instances: int, name: str, least: float, most: float) -> float:
    """Return a capacity as a fraction of the fleet."""
    value: int = size["Value"]
    part = value / 100 if size["Type"] == "CAPACITY_PERCENT" else value / instances
    # One instance is the least that INSTANCE_COUNT can say, and all of a fleet of one.
    if size["Type"] == "INSTANCE_COUNT" and value == 1:
        return part
    if not least <= part <= most:
        raise ValueError(
            f"{name} of {value} {size['Type']} is {part:.0%} of the variant's {instances} instances; "
            f"it must be from {least:.0%} to {most:.0%}"
        )
    return part
