"""How the approved model of each task is served: read strictly, contradictions refused.

They come as JSON in the variable `TRAINYARD_ENDPOINTS`: model package group → table. The table `*` holds what
other tables leave out, and is what a group without a table is served with; without a `*`, it is not served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from serving.checks import NEVER, Problem, wrong

VARIABLE = "TRAINYARD_ENDPOINTS"
ANY = "*"
_LEAST_LINEAR_STEP = 10


class SettingsError(ValueError):
    """Settings that cannot be used; one line a problem: the key, the value, what is allowed."""


@dataclass(frozen=True)
class Endpoint:
    """How one task's approved model is served.

    Attributes:
        task: the task; by default the model package group's name.
        kind: real-time, serverless or asynchronous.
        instance_type: of real-time and asynchronous endpoints.
        instance_count: with how many instances they start; two are what a canary needs.
        max_instance_count: up to how many they scale; absent: they do not scale.
        invocations_per_instance: a minute, what target tracking of a real-time endpoint holds.
        backlog_per_instance: requests, what target tracking of an asynchronous endpoint holds.
        scale_to_zero: whether an asynchronous endpoint gives back all instances while it has no backlog.
        memory_mb: of serverless endpoints.
        max_concurrency: of serverless endpoints; a request beyond it is throttled.
        previous_weight: the share of requests that goes on to the approved version before the newest.
        shifting: how an update moves the traffic; by default canary where there are two instances or more.
        step_percent: the canary's or the linear step's share of the capacity.
        bake_seconds: how long the alarms are watched after each shift.
        alarms: CloudWatch alarms that roll an update back; by default ENDPOINT-5xx and ENDPOINT-latency.
        capture_percent: the share of requests that data capture writes to S3.
        time_to_live_hours: after how long the endpoint is removed; None: never.
        role_arn: what the model's container runs as.
        roles: algorithm (its image's repository) → role, in place of `role_arn`.
        in_vpc: whether the containers are attached to `subnets` with `security_groups`.
        subnets: ids.
        security_groups: ids.
        kms_key_arn: encrypts the instances' volumes and what the endpoint writes.
        output: S3 location of asynchronous answers and of captured data; by default beside the model.
        success_topic: SNS topic that hears of asynchronous answers.
        error_topic: SNS topic that hears of asynchronous failures.

    """

    task: str
    kind: str = "real-time"
    instance_type: str | None = None
    instance_count: int | None = None
    max_instance_count: int | None = None
    invocations_per_instance: int = 1000
    backlog_per_instance: int = 5
    scale_to_zero: bool = False
    memory_mb: int | None = None
    max_concurrency: int | None = None
    previous_weight: float = 0.0
    shifting: str | None = None
    step_percent: int = 10
    bake_seconds: int = 300
    alarms: tuple[str, ...] | None = None
    capture_percent: int = 0
    time_to_live_hours: float | None = 8.0
    role_arn: str | None = None
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    in_vpc: bool = False
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key_arn: str | None = None
    output: str | None = None
    success_topic: str | None = None
    error_topic: str | None = None

    @property
    def serverless(self) -> bool:
        """Whether the endpoint has no instances of its own."""
        return self.kind == "serverless"

    @property
    def asynchronous(self) -> bool:
        """Whether requests and answers go through S3."""
        return self.kind == "asynchronous"

    @property
    def scales(self) -> bool:
        """Whether the number of instances changes with the load."""
        return self.max_instance_count is not None or self.scale_to_zero


# --- where they come from -----------------------------------------------------------------------------------


class Endpoints:
    """The settings of all model package groups.

    Args:
        tables: group → table of settings; `*` stands for all groups.
        source: where they come from, for messages.

    Raises:
        SettingsError: a wrong or unknown setting, or a contradiction, in any table.

    """

    def __init__(self, tables: object, source: str):
        self._source = source
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SettingsError(f"{source} is {tables!r}; allowed: model package group → table of settings")
        self._defaults: dict[str, Any] | None = tables.get(ANY)
        self._known = {group: self._endpoint(group, table) for group, table in tables.items() if group != ANY}
        if self._defaults is not None:
            self._endpoint(ANY, {})

    def serves(self, group: str) -> bool:
        """Return whether a group is served at all."""
        return group in self._known or self._defaults is not None

    def of(self, group: str) -> Endpoint:
        """Return a group's settings.

        Raises:
            SettingsError: the group is not served.

        """
        if not self.serves(group):
            known = ", ".join(sorted(self._known)) or "none"
            raise SettingsError(f"{self._source} says nothing of the group {group!r}; it names {known}")
        return self._known.get(group) or self._endpoint(group, {})

    def _endpoint(self, group: str, table: Mapping[str, Any]) -> Endpoint:
        return endpoint(group, {**(self._defaults or {}), **table}, self._source)


def from_environment(environment: Mapping[str, str]) -> Endpoints:
    """Read `TRAINYARD_ENDPOINTS`.

    Raises:
        SettingsError: it is not set, no JSON object, or what `Endpoints` refuses.

    """
    if VARIABLE not in environment:
        raise SettingsError(
            f"{VARIABLE} is not set; give it model package group → table of settings, as JSON"
        )
    try:
        content = json.loads(environment[VARIABLE])
    except json.JSONDecodeError as error:
        raise SettingsError(f"{VARIABLE} is not JSON: {error}") from None
    return Endpoints(content, VARIABLE)


def endpoint(group: str, table: Mapping[str, Any], source: str = "settings") -> Endpoint:
    """Return one group's settings from a plain table.

    Raises:
        SettingsError: a wrong or unknown setting, or a contradiction; all are told at once.

    """
    problems = list(wrong(table))
    if not problems:
        values = dict(_read(table))
        made = Endpoint(**{"task": group, **_defaults(values), **values})
        problems = list(_contradictions(made))
        if not problems:
            return made
    lines = (
        f"{source}: {group}.{key} is {json.dumps(value)}; allowed: {text}" for key, value, text in problems
    )
    raise SettingsError("\n".join(lines))


def _read(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that say something, as the dataclass takes them."""
    for name, value in table.items():
        if name == "time_to_live_hours":
            yield name, None if value == NEVER else value
        elif value is not None:
            yield name, tuple(value) if isinstance(value, list) else value


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the kind and the number of instances imply where nothing is said."""
    if values.get("kind") == "serverless":
        return {"memory_mb": 2048, "max_concurrency": 5}
    count = values.get("instance_count", 2)
    shifting = "canary" if count >= 2 and values.get("kind", "real-time") == "real-time" else "all-at-once"
    step = min(50, max(10, -(-100 // count)))  # one instance, within what both ways of shifting take
    return {
        "instance_type": "ml.m5.large",
        "instance_count": count,
        "shifting": shifting,
        "step_percent": step,
    }


# --- what cannot hold together ------------------------------------------------------------------------------


def _contradictions(made: Endpoint) -> Iterator[Problem]:
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
                f"nothing: a {made.kind} endpoint takes instance_type and instance_count",
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
