"""What is granted: actions on a resource, to a role, because a field of a step asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PIPELINE_ROLE = "pipeline"
"""Stands for the role that runs the pipeline itself, which no definition names."""

LIST = ("s3:ListBucket",)


@dataclass(frozen=True)
class Place:
    """Where the definition will run; completes ARNs."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True)
class Condition:
    """An IAM condition: the operator, the key, and the values of which one must match."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """What one field of one step asks for.

    Attributes:
        role: the ARN in the definition (or its placeholder), or `PIPELINE_ROLE`.
        actions: IAM actions, none with a wildcard.
        resource: one ARN, with `*` for what only an execution knows; or `*` where IAM knows no narrower one.
        step: the step that asked.
        field: the field in its Arguments.
        condition: what else must hold.

    """

    role: str
    actions: tuple[str, ...]
    resource: str
    step: str
    field: str
    condition: Condition | None = None


@dataclass(frozen=True)
class Statement:
    """An IAM statement, and the grants it stands for."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Condition | None
    grants: tuple[Grant, ...]


def statements(asked: Iterable[Grant]) -> dict[str, list[Statement]]:
    """Return per role the fewest statements that say what was asked: role → statements, in order."""
    rows: dict[tuple[str, tuple[str, ...], object, object], list[Grant]] = {}
    for grant in asked:
        listing = grant.actions == LIST  # prefixes of one bucket share a statement; others share conditions
        scope = grant.resource if listing else None
        rows.setdefault((grant.role, grant.actions, scope, None if listing else grant.condition), []).append(
            grant
        )
    result: dict[str, list[Statement]] = {}
    for (role, actions, _, _), together in rows.items():
        resources = tuple(sorted({grant.resource for grant in together}))
        result.setdefault(role, []).append(Statement(actions, resources, _union(together), tuple(together)))
    return result


def _union(together: Iterable[Grant]) -> Condition | None:
    conditions = [grant.condition for grant in together if grant.condition is not None]
    if not conditions:
        return None
    values = sorted({value for condition in conditions for value in condition.values})
    return Condition(conditions[0].operator, conditions[0].key, tuple(values))
