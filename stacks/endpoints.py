"""How approved models are served, as `serving.settings` reads it: model package group → table."""

from __future__ import annotations

from typing import Any

from pipeline import definition as definitions
from settings import Settings
from settings.model import Endpoint
from stacks.definitions import Infrastructure
from stacks.names import Names, role_kind, role_placeholders
from stacks.policies import Allowance

_MODEL = "-model"
OUTPUT_FOLDER = "endpoints"
"""Below it, by group, lies what asynchronous endpoints are asked and answer."""


def tables(settings: Settings, names: Names) -> dict[str, dict[str, Any]]:
    """Return the table of each task's endpoint, without what only CloudFormation knows."""
    return {
        names.of(task): {
            "task": task,
            "roles": model_roles(task, names),
            **_table(chosen.endpoint, names),
        }
        for task, chosen in sorted(settings.tasks.items())
    }


def place(infrastructure: Infrastructure) -> dict[str, Any]:
    """Return what every table lacks; subnets, security group and key are tokens."""
    return {
        "subnets": list(infrastructure.subnet_ids),
        "security_groups": [infrastructure.security_group_id],
        "kms_key_arn": infrastructure.data_key_arn,
    }


def model_roles(task: str, names: Names) -> dict[str, str]:
    """Return the role that each algorithm's model of a task runs as: algorithm → ARN."""
    kinds = map(role_kind, role_placeholders(definitions.placeholders(definitions.load(task))))
    return {kind.removesuffix(_MODEL): names.role_arn(task, kind) for kind in kinds if kind.endswith(_MODEL)}


def _table(endpoint: Endpoint, names: Names) -> dict[str, Any]:
    table = endpoint.table()
    if endpoint.in_vpc:
        table["in_vpc"] = True
    if endpoint.kind != "serverless":
        table.setdefault("output", f"s3://{names.bucket('artifacts')}/{OUTPUT_FOLDER}")
    return table


def data_allowances(task: str, settings: Settings, names: Names) -> list[Allowance]:
    """Return what the roles of a task's models need for an endpoint, beyond what its jobs do.

    Asynchronous endpoints read requests and write answers; data capture writes, for every kind; topics hear.
    """
    endpoint = settings.tasks[task].endpoint
    if endpoint.kind != "asynchronous" and not endpoint.capture_percent:
        return []
    output = _table(endpoint, names)["output"].removeprefix("s3://")
    folder = f"arn:{names.partition}:s3:::{output}/{names.of(task)}/*"
    reads = ("s3:GetObject",) if endpoint.kind == "asynchronous" else ()
    told = [topic for topic in (endpoint.success_topic, endpoint.error_topic) if topic]
    return [
        Allowance((*reads, "s3:PutObject"), [folder], "requests and answers are named by their callers"),
        *([Allowance(("sns:Publish",), sorted(set(told)), "the endpoint's topics")] if told else []),
    ]
