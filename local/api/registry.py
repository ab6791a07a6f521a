"""Which function answers which operation."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.api.service import Service

Operation = Callable[["Service", dict[str, Any]], dict[str, Any]]

_READING = ("Describe", "List", "Search", "Get")

_operations: dict[str, Operation] = {}


def operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the operation `name` of the service model.

    The function gets the service and a request that has been validated; it returns the members of the answer,
    of which those that the model does not have are left out. Times are ISO 8601 texts, seconds or datetimes.
    An operation that changes something runs in one transaction: what takes long, or must not be seen before
    the change is, goes to `service.later`.
    """

    def register(function: Operation) -> Operation:
        if name in _operations:
            raise ValueError(f"operation {name} is registered twice")
        _operations[name] = function
        return function

    return register


@cache
def operations() -> dict[str, Operation]:
    """Return all operations by name; the modules below `local.api.operations` are imported for that."""
    package = import_module("local.api.operations")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"local.api.operations.{module.name}")
    return _operations


def changes(name: str) -> bool:
    """Return whether an operation changes anything."""
    return not name.startswith(_READING)
