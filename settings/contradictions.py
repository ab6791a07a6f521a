"""What no single key can tell: settings that are each allowed and cannot hold together.

One small check a contradiction; each yields problems that name the key, the value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import definition as definitions
from serving.settings import problems
from settings.model import Endpoint, Settings, Task


@dataclass(frozen=True)
class Problem:
    """A key, the value found there, and what is allowed and why."""

    key: str
    value: object
    allowed: str


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield every contradiction in `settings`."""
    yield from _zones_outside_the_region(settings)
    yield from _region_without_images(settings)
    yield from _repository_beyond_reach(settings)
    yield from _outside_principals_where_all_are(settings)
    yield from _data_lost_in_production(settings)
    yield from _cached_outputs_that_expire(settings)
    yield from _reserved_tags(settings)
    for name, task in settings.tasks.items():
        yield from _task(name, task)
        yield from _endpoint(f"tasks.{name}.endpoint", task.endpoint, production=settings.production)
        yield from _endpoint_without_data(f"tasks.{name}.endpoint", task.endpoint, settings)


def _zones_outside_the_region(settings: Settings) -> Iterator[Problem]:
    zones = settings.network.availability_zones
    if len(set(zones)) != len(zones) or any(zone[:-1] != settings.region for zone in zones):
        yield Problem(
            "network.availability_zones", zones, f"two different zones of the region {settings.region}"
        )


def _region_without_images(settings: Settings) -> Iterator[Problem]:
    try:
        definitions.images(settings.region)
    except definitions.DefinitionError as error:
        yield Problem("region", settings.region, f"a region with the algorithms' images; {error}")


def _repository_beyond_reach(settings: Settings) -> Iterator[Problem]:
    if settings.studio.mode == "custom" and settings.studio.code_repository:
        yield Problem(
            "studio.code_repository",
            settings.studio.code_repository,
            "nothing while studio.mode is custom: a VPC-only Studio reaches no outside repository "
            "(JupyterLab gets the shipped code from S3 in either mode)",
        )


def _outside_principals_where_all_are(settings: Settings) -> Iterator[Problem]:
    if settings.studio.mode == "quick" and settings.storage.outside_principals:
        yield Problem(
            "storage.outside_principals",
            settings.storage.outside_principals,
            "an empty list while studio.mode is quick: only a VPC-only network keeps others out",
        )


def _data_lost_in_production(settings: Settings) -> Iterator[Problem]:
    if settings.production and settings.storage.on_destroy == "empty":
        yield Problem("storage.on_destroy", "empty", "retain, since production is true")


def _cached_outputs_that_expire(settings: Settings) -> Iterator[Problem]:
    days = settings.retention.execution_days
    cached = max((_cache_days(task) for task in settings.tasks if _known(task)), default=0)
    if 0 < days < cached:
        yield Problem(
            "retention.execution_days",
            days,
            f"0 (for good) or at least {cached}: so many days the step cache points at what executions wrote",
        )


def _known(task: str) -> bool:
    return task in definitions.task_names()


def _cache_days(task: str) -> int:
    """Return for how many days the compiled definition lets results be reused; its notation is P30D."""
    caches = (placed.step.get("CacheConfig", {}) for placed in definitions.steps(definitions.load(task)))
    return max((int(cache["ExpireAfter"].strip("PD")) for cache in caches if cache.get("Enabled")), default=0)


def _reserved_tags(settings: Settings) -> Iterator[Problem]:
    for name, value in settings.tags.items():
        if name.lower().startswith("aws:") or name in {"project", "environment"}:
            yield Problem(
                f"tags.{name}", value, "other names: project, environment and aws:… are set for you"
            )


def _task(name: str, task: Task) -> Iterator[Problem]:
    known = definitions.task_names()
    if not _known(name):
        yield Problem(
            f"tasks.{name}",
            name,
            f"a task with a compiled definition: {', '.join(known)}{definitions.nearest(name, known)}",
        )
        return
    for parameter in ("MinF1", "ApprovalStatus"):
        if parameter in task.parameters:
            yield Problem(
                f"tasks.{name}.parameters.{parameter}",
                task.parameters[parameter],
                "min_f1 and approval instead",
            )
    try:
        definitions.resolve_parameters(definitions.load(name), task.parameters)
    except definitions.DefinitionError as error:
        yield Problem(
            f"tasks.{name}.parameters", dict(task.parameters), f"the pipeline's parameters: {error}"
        )


def _endpoint(key: str, endpoint: Endpoint, *, production: bool) -> Iterator[Problem]:
    serverless = endpoint.kind == "serverless"
    if serverless and endpoint.in_vpc:
        yield Problem(f"{key}.in_vpc", True, "false: a serverless endpoint cannot be in a VPC")
    for name in ("memory_mb", "max_concurrency") if serverless else ("instance_type", "instance_count"):
        if getattr(endpoint, name) is None:
            yield Problem(f"{key}.{name}", None, f"a value: a {endpoint.kind} endpoint needs one")
    for name, value, allowed in problems(key, endpoint.table()):
        yield Problem(f"{key}.{name}", value, allowed)
    if production and not serverless and (endpoint.instance_count or 2) < 2:
        yield Problem(f"{key}.instance_count", endpoint.instance_count, "2 or more, since production is true")


def _endpoint_without_data(key: str, endpoint: Endpoint, settings: Settings) -> Iterator[Problem]:
    if settings.studio.mode == "custom" and not endpoint.in_vpc:
        yield Problem(
            f"{key}.in_vpc",
            False,
            "true while studio.mode is custom: the buckets admit only what comes through the VPC, so that "
            "no model could be loaded (which rules out serverless endpoints)",
        )
