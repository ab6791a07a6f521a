"""What a condition may compare, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import nearest
from pipeline.lint.model import Finding, Pipeline, function_name

_COMPARISON = frozenset({"Type", "LeftValue", "RightValue"})
_MEMBERS = {
    "Equals": _COMPARISON,
    "GreaterThan": _COMPARISON,
    "GreaterThanOrEqualTo": _COMPARISON,
    "LessThan": _COMPARISON,
    "LessThanOrEqualTo": _COMPARISON,
    "In": frozenset({"Type", "QueryValue", "Values"}),
    "Not": frozenset({"Type", "Condition"}),
    "Or": frozenset({"Type", "Conditions"}),
}


def conditions_are_known(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that a condition has its type's properties (#2746: Not was sent with another's)."""
    for where, condition in _all(pipeline):
        kind = condition.get("Type")
        if kind not in _MEMBERS:
            hint = nearest(str(kind), list(_MEMBERS))
            yield Finding(where, f"no condition is of type {kind}{hint}; known: {', '.join(_MEMBERS)}")
        elif condition.keys() != _MEMBERS[kind]:
            wanted, seen = ", ".join(sorted(_MEMBERS[kind])), ", ".join(sorted(condition))
            yield Finding(where, f"{kind} has the properties {wanted}, not {seen}")


def orders_compare_numbers(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that only numbers are greater or less: neither text nor a Join, which gives text."""
    for where, condition in _all(pipeline):
        if "Than" in str(condition.get("Type")):
            for side in ("LeftValue", "RightValue"):
                if _is_text(pipeline, condition.get(side)):
                    yield Finding(f"{where}.{side}", "text has no order; compare numbers, or use Equals")


def _is_text(pipeline: Pipeline, value: object) -> bool:
    function = function_name(value)
    if function == "Get" and isinstance(value, Mapping):
        declared = pipeline.parameters.get(str(value["Get"]).removeprefix("Parameters."), {})
        return declared.get("Type") in ("String", "Boolean")
    return function == "Std:Join" or isinstance(value, (str, bool))


def _all(pipeline: Pipeline) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield all conditions with the place where they stand, those within Not and Or too."""
    for step in pipeline.steps:
        if step.type == "Condition":
            yield from _listed(f"{step.name}.Conditions", step.step["Arguments"].get("Conditions", []))


def _listed(where: str, conditions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, condition in enumerate(conditions):
        yield from _with_inner(f"{where}[{index}]", condition)


def _with_inner(where: str, condition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield where, condition
    if "Condition" in condition:
        yield from _with_inner(f"{where}.Condition", condition["Condition"])
    yield from _listed(f"{where}.Conditions", condition.get("Conditions", []))
