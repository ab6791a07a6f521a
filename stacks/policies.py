"""Permissions on roles: each statement with the reason that it is asked for.

cdk-nag reports every `*` in a resource; the same reason answers it, finding by finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from pipeline.permissions import Statement

_POLICY = "DefaultPolicy"
"""What CDK calls the policy that it makes for a role."""


@dataclass(frozen=True)
class Allowance:
    """Actions on resources, and why."""

    actions: Sequence[str]
    resources: Sequence[str]
    reason: str
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def allow(role: iam.Role, *allowances: Allowance, denials: Sequence[iam.PolicyStatement] = ()) -> None:
    """Add statements to a role's policy, and answer the wildcards in them with their reasons."""
    permitted = [
        iam.PolicyStatement(
            actions=list(allowance.actions),
            resources=list(allowance.resources),
            conditions=dict(allowance.conditions),
        )
        for allowance in allowances
    ]
    _add(role, [*permitted, *denials])
    answers = {
        f"AwsSolutions-IAM5[Resource::{resource}]": allowance.reason
        for allowance in allowances
        for resource in allowance.resources
        if "*" in resource
    }
    if answers:
        acknowledge(role, answers)


def _add(role: iam.Role, statements: Sequence[iam.PolicyStatement]) -> None:
    """Add all statements at once: every call into the CDK is a message to another process and back.

    `add_to_principal_policy` takes one, and asks two questions more about each. It makes the policy, which
    the role itself splits where it outgrows what IAM takes.
    """
    policy = role.node.try_find_child(_POLICY)
    if policy is None and statements:
        role.add_to_principal_policy(statements[0])
        policy, statements = role.node.find_child(_POLICY), statements[1:]
    if statements:
        assert isinstance(policy, iam.Policy)
        policy.add_statements(*statements)


def derived(statement: Statement) -> Allowance:
    """Turn a statement derived from a definition into an allowance; its reason names steps and fields."""
    asked = dict.fromkeys(f"{grant.step} {grant.field}" for grant in statement.grants)
    conditions: dict[str, dict[str, object]] = {}
    if statement.condition is not None:
        held = statement.condition
        value = list(held.values) if len(held.values) > 1 else held.values[0]
        conditions = {held.operator: {held.key: value}}
    return Allowance(statement.actions, statement.resources, f"asked for by {'; '.join(asked)}", conditions)


def acknowledge(construct: IConstruct, answers: Mapping[str, str]) -> None:
    """Acknowledge findings on a construct and what is below it: rule → reason."""
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=rule, reason=reason) for rule, reason in answers.items())
    )
