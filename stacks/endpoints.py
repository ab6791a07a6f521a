"""How approved models are served, as `serving.settings` reads it: model package group → table."""

from __future__ import annotations

from typing import Any

from pipeline import definition as definitions
from settings import Settings
from settings.model import Endpoint
from stacks.definitions import Infrastructure
from stacks.names import Names, role_kind, role_placeholders

_MODEL = "-model"
OUTPUT_FOLDER = "endpoints"
"""Below it, by group, lies what asynchronous endpoints are asked and answer."""


def tables(settings: Settings, names: Names, infrastructure: Infrastructure) -> dict[str, dict[str, Any]]:
    """Return the table of each task's endpoint; subnets and keys may be tokens."""
    return {
        names.of(task): {
            "task": task,
            "roles": model_roles(task, names),
            **_table(chosen.endpoint, names, infrastructure),
        }
        for task, chosen in sorted(settings.tasks.items())
    }


def model_roles(task: str, names: Names) -> dict[str, str]:
    """Return the role that each algorithm's model of a task runs as: algorithm → ARN."""
    kinds = map(role_kind, role_placeholders(definitions.placeholders(definitions.load(task))))
    return {kind.removesuffix(_MODEL): names.role_arn(task, kind) for kind in kinds if kind.endswith(_MODEL)}


def _table(endpoint: Endpoint, names: Names, infrastructure: Infrastructure) -> dict[str, Any]:
    kept = endpoint.model_dump(exclude_none=True, exclude={"in_vpc", "scale_to_zero", "time_to_live_hours"})
    table: dict[str, Any] = {**kept, "time_to_live_hours": endpoint.time_to_live_hours}
    if endpoint.scale_to_zero:
        table["scale_to_zero"] = True
    if endpoint.in_vpc:
        table["in_vpc"] = True
        table["subnets"] = list(infrastructure.subnet_ids)
        table["security_groups"] = [infrastructure.security_group_id]
    if endpoint.kind != "serverless":
        table["kms_key_arn"] = infrastructure.data_key_arn
        table["output"] = f"s3://{names.bucket('artifacts')}/{OUTPUT_FOLDER}"
    return table
