"""A definition's steps as a graph: what each waits for, and which branches lead to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.language import referenced_step
from pipeline.definition import DefinitionError, nearest, references, steps

JOBS = ("Processing", "Training", "Transform")
INSTANT = ("Model", "RegisterModel", "Condition", "Fail")
SUPPORTED = (*JOBS, *INSTANT)


@dataclass(frozen=True)
class Node:
    """A step in the graph.

    Attributes:
        step: the step as in the definition.
        needs: the steps that must have succeeded before it starts.
        branches: (condition step, "IfSteps" or "ElseSteps") from the outermost inwards; each must have been
            taken.

    """

    step: Mapping[str, Any]
    needs: frozenset[str]
    branches: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self.step["Name"])

    @property
    def type(self) -> str:
        """The step's type."""
        return str(self.step["Type"])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The step's arguments, expressions unresolved."""
        arguments: Mapping[str, Any] = self.step["Arguments"]
        return arguments


def graph(definition: Mapping[str, Any]) -> dict[str, Node]:
    """Return the steps by name, in the order of the document.

    Raises:
        DefinitionError: a step type that cannot run here, two steps of one name, a reference to a step that
            does not exist, or steps that wait for each other.

    """
    placed = _placed(definition)
    nodes: dict[str, Node] = {}
    for step, branches in placed:
        if step["Name"] in nodes:
            raise DefinitionError(f"two steps are called {step['Name']!r}; a name must be the step's own")
        nodes[step["Name"]] = Node(step, _needs(step) | {name for name, _ in branches}, branches)
    _check_types(nodes)
    for node in nodes.values():
        for name in sorted(node.needs - nodes.keys()):
            raise DefinitionError(
                f"step {node.name!r} refers to step {name!r}, which does not exist{nearest(name, nodes)}"
            )
    _check_order(nodes)
    return nodes


def seconds_below(
    nodes: Mapping[str, Node], past: Mapping[str, float], relative: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return for each step how long the longest chain that begins with it is expected to take.

    Args:
        nodes: the steps.
        past: job → the seconds that it took before.
        relative: job → how many times as long as an average one it takes where it has no past; 1 where
            nothing is said, so that without any past the longest chain is that of the most jobs.

    """
    known = [past[name] for name in nodes if name in past]
    expected = relative or {}
    average = sum(known) / len(known) if known else 1.0
    waiting: dict[str, list[str]] = {name: [] for name in nodes}
    for node in nodes.values():
        for need in node.needs:
            waiting[need].append(node.name)
    longest: dict[str, float] = {}

    def measure(name: str) -> float:
        if name not in longest:
            own = past.get(name, average * expected.get(name, 1.0)) if nodes[name].type in JOBS else 0.0
            longest[name] = own + max(map(measure, waiting[name]), default=0.0)
        return longest[name]

    return {name: measure(name) for name in nodes}


def _placed(definition: Mapping[str, Any]) -> list[tuple[dict[str, Any], tuple[tuple[str, str], ...]]]:
    try:
        found = [(item.step, item.branches) for item in steps(definition)]
        for step, _ in found:
            step["Arguments"], step["Name"]
    except (KeyError, TypeError) as error:
        raise DefinitionError(f"the definition is malformed: a step lacks {error}") from None
    if not found:
        raise DefinitionError("the definition has no steps")
    return found


def _check_types(nodes: Mapping[str, Node]) -> None:
    wrong = [f"{node.name} ({node.type})" for node in nodes.values() if node.type not in SUPPORTED]
    if wrong:
        raise DefinitionError(
            f"steps of types that cannot run on this machine: {', '.join(wrong)}; "
            f"these can: {', '.join(SUPPORTED)}"
        )


def _needs(step: Mapping[str, Any]) -> frozenset[str]:
    """Return the steps that a step's own expressions and DependsOn name; its branches' are not its own."""
    arguments = step["Arguments"]
    own = arguments.get("Conditions", []) if step["Type"] == "Condition" else arguments
    named = {name for path in references(own) if (name := referenced_step(path))}
    return frozenset(named) | frozenset(step.get("DependsOn", []))


def _check_order(nodes: Mapping[str, Node]) -> None:
    left = dict(nodes)
    while ready := [name for name, node in left.items() if not node.needs & left.keys()]:
        for name in ready:
            del left[name]
    if left:
        raise DefinitionError(f"steps wait for each other: {', '.join(_circle(left))}")


def _circle(nodes: Mapping[str, Node]) -> Iterator[str]:
    """Yield the steps of one circle among nodes that all wait for one another or for such."""
    seen: list[str] = []
    name = next(iter(nodes))
    while name not in seen:
        seen.append(name)
        name = next(need for need in nodes[name].needs if need in nodes)
    yield from (*seen[seen.index(name) :], name)
