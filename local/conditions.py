"""The conditions of Condition steps: comparisons, In, Not, Or; a step's list of them is joined by "and"."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

from local.errors import StepError
from local.language import Resolve

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}

TYPES = frozenset(_ORDER) | {"Equals", "In", "Not", "Or"}
"""All condition types of the definition language."""


def holds(condition: Mapping[str, Any], resolve: Resolve, step: str) -> bool:
    """Return whether a condition is true.

    Args:
        condition: as in a definition, with `Type`.
        resolve: evaluates the expressions in it.
        step: the Condition step, for messages.

    Raises:
        StepError: an expression leads nowhere, the sides are of different types, or the type is unknown.

    """
    kind = condition.get("Type")
    try:
        if kind == "Not":
            return not holds(condition["Condition"], resolve, step)
        if kind == "Or":
            return any(holds(inner, resolve, step) for inner in condition["Conditions"])
        if kind == "In":
            query = resolve(condition["QueryValue"])
            # every value is compared, so that one of another type is found whatever its place
            return True in [_equal(query, resolve(value)) for value in condition["Values"]]
        if kind == "Equals":
            return _equal(resolve(condition["LeftValue"]), resolve(condition["RightValue"]))
        if kind in _ORDER:
            return _ordered(kind, resolve(condition["LeftValue"]), resolve(condition["RightValue"]))
    except _MismatchError as error:
        raise StepError(f"step {step!r}: condition {json.dumps(condition)}: {error}") from None
    except KeyError as error:
        raise StepError(f"step {step!r}: condition {json.dumps(condition)} lacks {error}") from None
    raise StepError(f"step {step!r}: no condition type {kind!r}; known: {', '.join(sorted(TYPES))}")


class _MismatchError(Exception):
    """Two sides that cannot be compared."""


def _equal(left: object, right: object) -> bool:
    _same_kind(left, right)
    return left == right


def _ordered(kind: str, left: Any, right: Any) -> bool:
    if _same_kind(left, right) == "boolean":
        raise _MismatchError(f"booleans have no order for {kind}; use Equals")
    return _ORDER[kind](left, right)


def _same_kind(left: object, right: object) -> str:
    kind, other = _kind(left), _kind(right)
    if kind != other:
        raise _MismatchError(f"a {kind} ({left!r}) cannot be compared with a {other} ({right!r})")
    return kind


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    raise _MismatchError(f"{json.dumps(value)[:80]} is no text, number or boolean")
