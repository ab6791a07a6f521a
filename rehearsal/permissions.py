"""Permissions under enforcement: one that is missing fails its step, one that is never used is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from rehearsal import execution
from rehearsal.report import Report
from rehearsal.site import Site

_BEYOND = ("cloudwatch", "ec2", "ecr", "kms", "logs", "xray")
"""Services that AWS itself asks on a role's behalf, and nothing here does."""
_PIPELINE = "-pipeline"
_DENIED = "s3:GetObject"
_POLICY = "RehearsalTakesAway"


def missing(site: Site, report: Report, task: str) -> str:
    """Take away what a step needs: the step fails with AccessDenied; return the execution's ARN."""
    iam, role = site.client("iam"), site.names.role(task, "convert")
    deny = {"Effect": "Deny", "Action": _DENIED, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)
    try:
        started = execution.start(site, report, task)
        reasons = execution.failure(site, started)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=_POLICY)
    told = reasons.get("Convert", "")
    report.check(
        "AccessDenied" in told and "s3://" in told and role in told,
        f"without {_DENIED} of {role} the step Convert fails with AccessDenied",
        reasons,
    )
    report.note(told)
    return started


def used(site: Site, report: Report) -> None:
    """Check that the jobs worked as their roles, and tell what roles may do and never did."""
    asked = list(_asked(site))
    ours = {entry["role"] for entry in asked if entry["allowed"]}
    roles = list(_roles(site))
    jobs = [role for role in roles if role in ours]
    report.check(len(jobs) > 1, f"{len(jobs)} of {len(roles)} roles were worked as: {', '.join(jobs)}", ours)
    beyond: set[str] = set()
    for role in jobs:
        unused = _never_used(site, role, [entry for entry in asked if entry["role"] == role])
        here = sorted(action for action in unused if not _is_beyond(role, action))
        beyond |= unused - set(here)
        if here:
            report.note(f"{role} may and never did: {', '.join(here)}")
    services = sorted({action.partition(":")[0] for action in beyond})
    report.note(
        f"{len(beyond)} more actions ({', '.join(services)}) are AWS's own doing for a role, and not tried"
    )


def _asked(site: Site) -> Iterator[dict[str, Any]]:
    """Yield what was asked of IAM by roles of the environment."""
    for line in site.permissions_file.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        _, assumed, rest = entry["principal"].partition(":assumed-role/")
        if assumed:
            yield {**entry, "role": rest.partition("/")[0]}


def _roles(site: Site) -> Iterator[str]:
    for page in site.client("iam").get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(f"{site.names.prefix}-"):
                yield role["RoleName"]


def _never_used(site: Site, role: str, asked: list[dict[str, Any]]) -> set[str]:
    """Return the allowed actions that were never asked for."""
    return {
        action
        for statement in _statements(site, role)
        for action in _list(statement.get("Action", []))
        if not any(_covers(statement, action, entry) for entry in asked if entry["allowed"])
    }


def _is_beyond(role: str, action: str) -> bool:
    """Return whether nothing here could ask for an action: the runner starts a pipeline's jobs itself."""
    service = action.partition(":")[0]
    return service in _BEYOND or (role.endswith(_PIPELINE) and service in ("iam", "sagemaker"))


def _covers(statement: dict[str, Any], action: str, entry: dict[str, Any]) -> bool:
    return fnmatchcase(entry["action"].lower(), action.lower()) and any(
        fnmatchcase(entry["resource"], resource) for resource in _list(statement.get("Resource", []))
    )


def _statements(site: Site, role: str) -> Iterator[dict[str, Any]]:
    """Yield what a role's own policies allow."""
    iam = site.client("iam")
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        yield from (one for one in _list(document["Statement"]) if one["Effect"] == "Allow")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
