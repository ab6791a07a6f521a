"""Runs a pipeline definition: starts an execution, or goes on with one that was stopped, failed or killed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local import arns
from local.containers import Containers, built_in
from local.control import Control
from local.errors import LocalError
from local.events import Event, OnEvent
from local.graph import graph
from local.ledger import Ledger
from local.scheduler import Scheduler
from local.state import State
from pipeline.definition import DefinitionError, fill, nearest

__all__ = ["Control", "Event", "OnEvent", "resume", "run"]

_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}


def run(
    state: State,
    definition: Mapping[str, Any],
    pipeline_name: str,
    parameters: Mapping[str, object] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
    max_parallel: int | None = None,
    control: Control | None = None,
    containers: Containers | None = None,
) -> str:
    """Run a pipeline to its end and return the execution's id; how it ended is in `state.describe`.

    Args:
        state: opened with write=True.
        definition: a compiled definition; with `names` its placeholders are filled in first.
        pipeline_name: the pipeline; step caching looks at earlier runs of the same one.
        parameters: values for the definition's parameters, typed; the others have their defaults.
        names: placeholder → value, see `local.names`.
        on_event: told what happens, in the calling thread.
        max_parallel: the most jobs side by side; by default the cores of the machine.
        control: lets another thread stop the execution.
        containers: what stands in for which image; by default what this project brings.

    Raises:
        DefinitionError: the definition or a parameter cannot be used; nothing was started.
        LocalError: the state directory cannot be written to.
        KeyboardInterrupt: the user's; the jobs were stopped and the execution is Stopped.

    """
    state.require_writer()
    filled = fill(definition, names) if names is not None else dict(definition)
    graph(filled)
    values = parameter_values(filled, parameters or {})
    execution = arns.new_execution_id()
    state.records.add_execution(execution, pipeline_name, values, filled)
    _schedule(state, execution, on_event, max_parallel, control, containers)
    return execution


def resume(
    state: State,
    execution: str,
    *,
    on_event: OnEvent | None = None,
    max_parallel: int | None = None,
    control: Control | None = None,
    containers: Containers | None = None,
) -> str:
    """Go on with an execution: what succeeded stays, the rest runs by the stored definition and parameters.

    Args and errors are those of `run`; besides:

    Raises:
        NotFoundError: there is no such execution.
        LocalError: it has succeeded, so nothing is left to do.

    """
    state.require_writer()
    row = state.records.execution(arns.execution_id(execution))
    if row["status"] == "Succeeded":
        raise LocalError(f"execution {row['id']} has succeeded; there is nothing to go on with")
    with state.records.transaction():
        state.records.forget_unfinished_steps(row["id"])
        state.records.update_execution(
            row["id"], status="Executing", failure_reason=None, ended=None, interrupted=0
        )
    _schedule(state, row["id"], on_event, max_parallel, control, containers)
    return str(row["id"])


def _schedule(
    state: State,
    execution: str,
    on_event: OnEvent | None,
    max_parallel: int | None,
    control: Control | None,
    containers: Containers | None,
) -> None:
    row = state.records.execution(execution)
    nodes = graph(json.loads(row["definition"]))
    table = built_in() if containers is None else containers
    ledger = Ledger(state.records, execution, row["pipeline"], on_event)
    Scheduler(state, row, nodes, table, control or Control(), ledger, max_parallel).run()


def parameter_values(definition: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, object]:
    """Return the value of every declared parameter: the given one, or else its default.

    Raises:
        DefinitionError: an unknown parameter, a value of another type or outside the enumeration, or none
            where there is no default.

    """
    declared = {entry["Name"]: entry for entry in definition.get("Parameters", [])}
    for name in given:
        if name not in declared:
            raise DefinitionError(
                f"unknown parameter {name!r}{nearest(name, declared)}; known: {', '.join(sorted(declared))}"
            )
    return {name: _parameter_value(entry, given) for name, entry in declared.items()}


def _parameter_value(entry: Mapping[str, Any], given: Mapping[str, object]) -> object:
    name, kind = entry["Name"], entry["Type"]
    if name not in given and "DefaultValue" not in entry:
        raise DefinitionError(f"parameter {name!r} has no default; give it a value")
    value = given.get(name, entry.get("DefaultValue"))
    # bool is an int to Python, but no Integer to the service.
    if not isinstance(value, _TYPES.get(kind, ())) or (isinstance(value, bool) and kind != "Boolean"):
        raise DefinitionError(f"parameter {name!r} is {value!r}, which is no {kind}")
    if entry.get("EnumValues") and value not in entry["EnumValues"]:
        raise DefinitionError(
            f"parameter {name!r} is {value!r}; allowed: {', '.join(map(str, entry['EnumValues']))}"
        )
    return value
