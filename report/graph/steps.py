"""The steps of a pipeline definition and what each one waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(r"Steps\.([\w-]+)")
_BRANCHES = (("IfSteps", "if true"), ("ElseSteps", "if false"))


@dataclass(frozen=True)
class Step:
    """One step: `needs` are the steps it waits for, `branch` is how its condition reached it, if one did."""

    name: str
    type: str
    needs: tuple[str, ...]
    condition: str | None
    branch: str | None


def read_steps(definition: Mapping[str, Any]) -> list[Step]:
    """All steps of the definition, those under conditions included, in the definition's order.

    A step waits for the steps that a `Get` in it refers to, for its `DependsOn`, and for the condition under
    which it stands.
    """
    found = list(_walk(definition.get("Steps") or [], None, None))
    known = {step.name for step in found}
    return [
        Step(s.name, s.type, tuple(n for n in s.needs if n in known and n != s.name), s.condition, s.branch)
        for s in found
    ]


def _walk(steps: Sequence[Mapping[str, Any]], condition: str | None, branch: str | None) -> Iterator[Step]:
    for step in steps:
        name, arguments = str(step["Name"]), step.get("Arguments") or {}
        nested = {key for key, _ in _BRANCHES} if step.get("Type") == "Condition" else set()
        own = {**step, "Arguments": {k: v for k, v in arguments.items() if k not in nested}}
        needs = dict.fromkeys([*([condition] if condition else []), *_references(own)])
        yield Step(name, str(step.get("Type", "")), tuple(needs), condition, branch)
        for key, word in _BRANCHES:
            if key in nested:
                yield from _walk(arguments.get(key) or [], name, word)


def _references(value: Any) -> Iterator[str]:
    """Return the names of the steps that a piece of a definition refers to."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "DependsOn":
                yield from (str(name) for name in inner or [])
            elif key == "Get" and isinstance(inner, str):
                match = _STEP.match(inner)
                if match:
                    yield match[1]
            else:
                yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)


def reduced(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Return the edges (from, to) that no longer path implies: enough to draw every order, and no more.

    Raises:
        ValueError: the steps wait for each other in a circle.

    """
    needs = {step.name: step.needs for step in steps}
    ancestors: dict[str, set[str]] = {}
    for name in topological(needs):
        above = set(needs[name])
        for parent in needs[name]:
            above |= ancestors[parent]
        ancestors[name] = above
    return [
        (parent, step.name)
        for step in steps
        for parent in step.needs
        if not any(parent in ancestors[other] for other in step.needs)
    ]


def topological(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the steps in an order in which each comes after what it needs, else as they were given.

    Raises:
        ValueError: the steps wait for each other in a circle.

    """
    order: dict[str, None] = {}
    rest = list(needs)
    while rest:
        ready = [name for name in rest if all(parent in order for parent in needs[name])]
        if not ready:
            raise ValueError(
                f"the steps {', '.join(rest)} wait for each other: cut the circle in the definition"
            )
        order.update(dict.fromkeys(ready))
        rest = [name for name in rest if name not in order]
    return list(order)
