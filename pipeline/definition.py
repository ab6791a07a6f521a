"""Read, fill in and walk compiled pipeline definitions. Standard library only: the SDK is not needed.

A definition is the JSON document that SageMaker's `CreatePipeline` takes, with names of the place where it
will run left open as `${Name}`, in the notation of CloudFormation's `Fn::Sub`: `${!Name}` stands for the
literal text `${Name}`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.difference import Change, diff
from pipeline.errors import DefinitionError, nearest
from pipeline.images import DEFINITIONS, IMAGES_FILE, image, images, load_images

__all__ = [
    "DEFINITIONS",
    "IMAGES_FILE",
    "Change",
    "Definition",
    "DefinitionError",
    "Parameter",
    "PlacedStep",
    "diff",
    "fill",
    "image",
    "images",
    "load",
    "load_images",
    "nearest",
    "parameters",
    "placeholders",
    "references",
    "resolve_parameters",
    "steps",
    "task_names",
]


Definition = dict[str, Any]
"""A parsed definition: Version, Metadata, Parameters, Steps."""

Parameter = str | int | float | bool
"""The value of a pipeline parameter, typed as its declaration says."""

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")

# By form: there are several hundred instance types, and each quarter brings more.
_INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")


# --- reading ------------------------------------------------------------------------------------------


def task_names(directory: Path = DEFINITIONS) -> list[str]:
    """Return the names of the tasks that have a compiled definition in `directory`, sorted."""
    return sorted(path.stem for path in directory.glob("*.json") if path.name != IMAGES_FILE)


def load(task: str, directory: Path = DEFINITIONS) -> Definition:
    """Read the compiled definition of `task`, placeholders still open.

    Raises:
        DefinitionError: no such definition, or the file is not a JSON object.

    """
    path = directory / f"{task}.json"
    if task not in task_names(directory):
        known = task_names(directory)
        raise DefinitionError(
            f"no compiled definition for task {task!r}{nearest(task, known)}; "
            f"known tasks: {', '.join(known) or 'none'} (`trainyard compile` writes them to {directory})"
        )
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DefinitionError(
            f"{path} is not JSON ({error}); write it anew with `trainyard compile`"
        ) from None
    if not isinstance(definition, dict):
        raise DefinitionError(f"{path} holds no JSON object; write it anew with `trainyard compile`")
    return definition


# --- placeholders -------------------------------------------------------------------------------------


def placeholders(document: object) -> frozenset[str]:
    """Return the names that stand as `${Name}` in a text, or in any string of a JSON document."""
    return frozenset(
        name for text in _strings(document) for escape, name in _PLACEHOLDER.findall(text) if not escape
    )


def fill(definition: str | Mapping[str, Any], names: Mapping[str, str]) -> Definition:
    """Put names in the place of `${Name}`, once: a value that itself holds `${…}` is not expanded again.

    Substitution happens in the parsed document, so that a value with a quote or a backslash stays one string.

    Args:
        definition: the parsed document, or its JSON text.
        names: placeholder → value. Names that the definition does not use are ignored, so one table of
            names serves all tasks.

    Returns:
        A new document; `definition` is left as it was.

    Raises:
        DefinitionError: a placeholder has no value in `names`, or the text is not a JSON object.

    """
    document = _parse(definition) if isinstance(definition, str) else definition
    missing = sorted(placeholders(document) - names.keys())
    if missing:
        listed = ", ".join(f"${{{name}}}{nearest(name, names)}" for name in missing)
        raise DefinitionError(f"the definition asks for names that were not given: {listed}")

    def value(match: re.Match[str]) -> str:
        escape, name = match.groups()
        return f"${{{name}}}" if escape else names[name]

    filled = _map_strings(document, lambda text: _PLACEHOLDER.sub(value, text))
    assert isinstance(filled, dict)
    return filled


def _parse(text: str) -> Definition:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"the definition is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise DefinitionError(f"the definition is a JSON {type(document).__name__}, not an object")
    return document


def _strings(value: object) -> Iterator[str]:
    """Yield every string in a JSON document, keys included (`Fn::Sub` fills those as well)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)


def _map_strings(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _map_strings(item, change) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_map_strings(item, change) for item in value]
    return value


# --- steps --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlacedStep:
    """A step, and the branches that lead to it.

    `branches` goes from the outermost condition inwards: ("CheckQuality", "IfSteps"), …; it is empty for a
    step at the top. A step in a branch starts only when every condition above it took that branch.
    """

    step: dict[str, Any]
    branches: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self.step["Name"])

    @property
    def type(self) -> str:
        """The step's type, such as Processing or Condition."""
        return str(self.step["Type"])


def steps(definition: Mapping[str, Any]) -> Iterator[PlacedStep]:
    """Yield all steps in the order of the document; a branch follows its condition."""
    yield from _placed(definition["Steps"], ())


def _placed(listed: Sequence[dict[str, Any]], branches: tuple[tuple[str, str], ...]) -> Iterator[PlacedStep]:
    for step in listed:
        yield PlacedStep(step, branches)
        if step["Type"] == "Condition":
            for branch in ("IfSteps", "ElseSteps"):
                inner = step["Arguments"].get(branch, [])
                yield from _placed(inner, (*branches, (step["Name"], branch)))


def references(value: object) -> Iterator[str]:
    """Yield what every `{"Get": …}` points at, such as "Steps.Convert.ProcessingJobName"."""
    if isinstance(value, Mapping):
        if value.keys() == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
        else:
            for item in value.values():
                yield from references(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from references(item)


# --- parameters ---------------------------------------------------------------------------------------


def parameters(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the declared parameters: name → {Name, Type, DefaultValue?, EnumValues?}."""
    return {declared["Name"]: declared for declared in definition.get("Parameters", [])}


def resolve_parameters(definition: Mapping[str, Any], overrides: Mapping[str, str]) -> dict[str, Parameter]:
    """Return a typed value for every parameter: the override, or else the default.

    Args:
        definition: a definition, filled in already when defaults hold placeholders.
        overrides: name → value as typed on a command line or sent in `StartPipelineExecution`.

    Raises:
        DefinitionError: an unknown parameter, a value of another type, a value outside the enumeration,
            an instance type that can be none, or a parameter with neither default nor override.

    """
    declared = parameters(definition)
    for name in overrides:
        if name not in declared:
            raise DefinitionError(
                f"unknown parameter {name!r}{nearest(name, declared)}; known: {', '.join(sorted(declared))}"
            )
    return {name: _resolve(entry, overrides.get(name)) for name, entry in declared.items()}


def _resolve(declared: Mapping[str, Any], override: str | None) -> Parameter:
    name = declared["Name"]
    if override is None:
        if "DefaultValue" not in declared:
            raise DefinitionError(f"parameter {name!r} has no default; give it a value")
        value: Parameter = declared["DefaultValue"]
    else:
        value = _typed(name, declared["Type"], override)
    allowed = declared.get("EnumValues")
    if allowed and value not in allowed:
        raise DefinitionError(f"parameter {name!r} is {value!r}; allowed: {', '.join(map(str, allowed))}")
    if name.endswith("InstanceType") and isinstance(value, str) and not _INSTANCE_TYPE.fullmatch(value):
        raise DefinitionError(
            f"parameter {name!r} is {value!r}, which is no instance type; give one such as ml.m5.xlarge"
        )
    return value


def _typed(name: str, kind: str, text: str) -> Parameter:
    if not isinstance(text, str):
        raise DefinitionError(f"parameter {name!r} was given as {type(text).__name__}; give it as text")
    reader = _READERS.get(kind)
    if reader is None:
        raise DefinitionError(f"parameter {name!r} has type {kind!r}; known types: {', '.join(_READERS)}")
    try:
        return reader(text)
    except ValueError:
        raise DefinitionError(f"parameter {name!r} is {text!r}, which is no {_KINDS[kind]}") from None


def _integer(text: str) -> int:
    # int() also reads "1_000", " 7 " and other scripts' digits, which the service does not.
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise ValueError(text)
    return int(text)


def _float(text: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


_READERS: dict[str, Callable[[str], Parameter]] = {
    "String": str,
    "Integer": _integer,
    "Float": _float,
    "Boolean": _boolean,
}
_KINDS = {
    "String": "text",
    "Integer": "whole number",
    "Float": "finite number",
    "Boolean": "true or false",
}
