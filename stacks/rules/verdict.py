"""What a rule looks at, and what it can say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Verdict(Enum):
    """Three-valued: a rule that is about something else says so and does not count as a pass."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non-compliant"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Subject:
    """A resource of a synthesised template, and whether its environment is a production one."""

    type: str
    properties: Mapping[str, Any]
    production: bool = False


@dataclass(frozen=True)
class Rule:
    """A rule: its id, one sentence on what it wants, the cure, and the check itself."""

    id: str
    wants: str
    cure: str
    judge: Callable[[Subject], Verdict]


def verdict(*, holds: bool) -> Verdict:
    """Return the verdict of a rule that applies."""
    return Verdict.COMPLIANT if holds else Verdict.NON_COMPLIANT


def jobs(subject: Subject, *types: str) -> list[Mapping[str, Any]]:
    """Return the Arguments of a pipeline's steps of the given types, those in branches included."""
    body = subject.properties["PipelineDefinition"]["PipelineDefinitionBody"]
    if isinstance(body, Mapping):  # {"Fn::Sub": [text, values]}
        body = body["Fn::Sub"][0]
    return [step["Arguments"] for step in _steps(json.loads(body)["Steps"]) if step["Type"] in types]


def _steps(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in listed:
        yield step
        if step["Type"] == "Condition":
            for branch in ("IfSteps", "ElseSteps"):
                yield from _steps(step["Arguments"].get(branch, []))


def statements(subject: Subject) -> Iterator[Mapping[str, Any]]:
    """Yield the statements that a role or policy allows or denies with."""
    documents = [subject.properties.get("PolicyDocument")]
    documents += [policy["PolicyDocument"] for policy in subject.properties.get("Policies", [])]
    for document in documents:
        if document:
            yield from document["Statement"]


def listed(value: Any) -> list[Any]:
    """Return IAM's "one or a list" as a list."""
    return value if isinstance(value, list) else [value]
