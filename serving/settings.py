"""How the approved model of each task is served: read strictly, contradictions refused.

They come as JSON in the file that the variable `TRAINYARD_ENDPOINTS` names: model package group → table. The
table `*` holds what other tables leave out, and is what a group without a table is served with; without a
`*`, it is not served. On AWS the file lies beside the code; what only a deployment knows, such as the ids of
subnets, comes as JSON in the variable `TRAINYARD_PLACE` and holds for every table that leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from serving.checks import NEVER, Problem, wrong
from serving.contradictions import contradictions

VARIABLE = "TRAINYARD_ENDPOINTS"
PLACE_VARIABLE = "TRAINYARD_PLACE"
ANY = "*"


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
        place: settings that hold for each table that leaves them out, and serve no group by themselves.

    Raises:
        SettingsError: a wrong or unknown setting, or a contradiction, in any table.

    """

    def __init__(self, tables: object, source: str, place: Mapping[str, Any] = MappingProxyType({})):
        self._source = source
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SettingsError(f"{source} is {tables!r}; allowed: model package group → table of settings")
        self._place = dict(place)
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
        return endpoint(group, {**self._place, **(self._defaults or {}), **table}, self._source)


def from_environment(environment: Mapping[str, str]) -> Endpoints:
    """Read the file that `TRAINYARD_ENDPOINTS` names, with what `TRAINYARD_PLACE` adds.

    A relative name is one beside the folder of this package, as a function's code is unpacked.

    Raises:
        SettingsError: the variable is not set, the file cannot be read or is no JSON object, or what
            `Endpoints` refuses.

    """
    if VARIABLE not in environment:
        raise SettingsError(
            f"{VARIABLE} is not set; let it name a JSON file of model package group → table of settings"
        )
    path = Path(__file__).resolve().parent.parent / environment[VARIABLE]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{VARIABLE} names {path}, which cannot be read: {error}") from None
    place = _json(environment.get(PLACE_VARIABLE, "{}"), PLACE_VARIABLE)
    if not isinstance(place, dict):
        raise SettingsError(f"{PLACE_VARIABLE} is {place!r}; allowed: a table of settings")
    return Endpoints(_json(text, str(path)), str(path), place)


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{source} is not JSON: {error}") from None


def endpoint(group: str, table: Mapping[str, Any], source: str = "settings") -> Endpoint:
    """Return one group's settings from a plain table.

    Raises:
        SettingsError: a wrong or unknown setting, or a contradiction; all are told at once.

    """
    found = list(problems(group, table))
    if not found:
        return _endpoint(group, table)
    lines = (f"{source}: {group}.{key} is {json.dumps(value)}; allowed: {text}" for key, value, text in found)
    raise SettingsError("\n".join(lines))


def problems(group: str, table: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with a table: single settings, or if those are right, what contradicts another."""
    found = list(wrong(table))
    yield from found or contradictions(_endpoint(group, table))


def _endpoint(group: str, table: Mapping[str, Any]) -> Endpoint:
    values = dict(_read(table))
    return Endpoint(**{"task": group, **_defaults(values), **values})


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
