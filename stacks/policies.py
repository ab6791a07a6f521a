"""Permissions on roles: each statement with the reason that it is asked for.

cdk-nag reports every `*` in a resource; the same reason answers it, finding by finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from pipeline.permissions import Statement


@dataclass(frozen=True)
class Allowance:
    """Actions on resources, and why."""

    actions: Sequence[str]
    resources: Sequence[str]
    reason: str
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def allow(role: iam.Role, *allowances: Allowance) -> None:
    """Add statements to a role's policy, and answer the wildcards in them with their reasons."""
    for allowance in allowances:
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=list(allowance.actions),
                resources=list(allowance.resources),
                conditions=dict(allowance.conditions),
            )
        )
        acknowledge_wildcards(role, allowance.resources, allowance.reason)


def derived(statement: Statement) -> Allowance:
    """Turn a statement derived from a definition into an allowance; its reason names steps and fields."""
    asked = dict.fromkeys(f"{grant.step} {grant.field}" for grant in statement.grants)
    conditions: dict[str, dict[str, object]] = {}
    if statement.condition is not None:
        held = statement.condition
        value = list(held.values) if len(held.values) > 1 else held.values[0]
        conditions = {held.operator: {held.key: value}}
    return Allowance(statement.actions, statement.resources, f"asked for by {'; '.join(asked)}", conditions)


def acknowledge_wildcards(construct: IConstruct, resources: Iterable[str], reason: str) -> None:
    """Answer cdk-nag's IAM5, which reports each resource with a wildcard by itself."""
    for resource in resources:
        if "*" in resource:
            acknowledge(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason)


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge one finding of a rule on a construct and what is below it."""
    cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
