"""A value of a definition against a shape of the service model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import nearest
from pipeline.lint.model import Finding, Pipeline, function_name, step_reference
from pipeline.lint.service import pattern, property_shape

_JSON_TYPES = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (str,),
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
}
_PARAMETER_TYPES = {
    "String": ("string", "timestamp"),
    "Integer": ("integer", "long", "float", "double"),
    "Float": ("float", "double"),
    "Boolean": ("boolean",),
}
_SCALARS = ("string", "integer", "long", "float", "double", "boolean", "timestamp")


class Fitting:
    """Checks values of one pipeline against shapes."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def findings(
        self, where: str, value: object, shape: Any, given: frozenset[str] = frozenset()
    ) -> Iterator[Finding]:
        """Yield what is wrong with a value; `given` names members that another will add."""
        function = function_name(value)
        if function:
            assert isinstance(value, Mapping)
            yield from self._function(where, function, value[function], shape)
            return
        allowed = _JSON_TYPES.get(shape.type_name, (object,))
        if not isinstance(value, allowed) or (isinstance(value, bool) and shape.type_name != "boolean"):
            yield Finding(where, f"{_shown(value)} is {_kind(value)} where {shape.type_name} is wanted")
            return
        yield from self._limits(where, value, shape)
        if isinstance(value, dict) and shape.type_name == "structure":
            yield from self._structure(where, value, shape, given)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self.findings(where, key, shape.key)
                yield from self.findings(f"{where}.{key}", item, shape.value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.findings(f"{where}[{index}]", item, shape.member)

    def _structure(
        self, where: str, value: dict[str, Any], shape: Any, given: frozenset[str]
    ) -> Iterator[Finding]:
        for name in sorted(set(shape.required_members) - value.keys() - given):
            yield Finding(where, f"{name} is missing, which {shape.name} requires")
        for name, item in value.items():
            if name in shape.members:
                yield from self.findings(f"{where}.{name}", item, shape.members[name])
            else:
                hint = nearest(name, list(shape.members))
                yield Finding(where, f"{shape.name} knows no {name}{hint}; take it out")

    def _limits(self, where: str, value: Any, shape: Any) -> Iterator[Finding]:
        if isinstance(value, bool):
            return
        limits = shape.metadata
        size = value if isinstance(value, (int, float)) else len(value)
        what = _shown(value) if isinstance(value, (int, float)) else f"a length of {size}"
        if "min" in limits and size < limits["min"]:
            yield Finding(where, f"{what} is below the least allowed, {limits['min']}")
        if "max" in limits and size > limits["max"]:
            yield Finding(where, f"{what} is above the most allowed, {limits['max']}")
        if isinstance(value, str):
            yield from self._text(where, value, shape)

    def _text(self, where: str, value: str, shape: Any) -> Iterator[Finding]:
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            yield Finding(where, f"{value!r} is none of the allowed values{nearest(value, enum)}")
        rule = pattern(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
        if rule and not rule.fullmatch(value):
            yield Finding(where, f"{value!r} does not match {rule.pattern}")

    # --- functions ----------------------------------------------------------------------------------

    def _function(self, where: str, function: str, argument: Any, shape: Any) -> Iterator[Finding]:
        if function == "Get":
            yield from self._get(where, argument, shape)
        elif shape.type_name not in _SCALARS:
            yield Finding(where, f"{function} gives one value where {shape.type_name} is wanted")
        elif function == "Std:Join":
            yield from self._join(where, argument, shape)

    def _join(self, where: str, argument: Mapping[str, Any], shape: Any) -> Iterator[Finding]:
        if shape.type_name not in ("string", "timestamp"):
            yield Finding(where, f"Std:Join gives text where {shape.type_name} is wanted; use the parameter")
            return
        parts = [self._sample(value) for value in argument["Values"]]
        if None not in parts:
            text = argument["On"].join(part for part in parts if part is not None)
            yield from self._limits(where, text, shape)

    def _get(self, where: str, target: str, shape: Any) -> Iterator[Finding]:
        root, _, rest = target.partition(".")
        if root == "Parameters" and rest in self.pipeline.parameters:
            yield from self._parameter(where, self.pipeline.parameters[rest], shape)
        elif root == "Execution" and shape.type_name not in ("string", "timestamp"):
            yield Finding(where, f"{target} is text where {shape.type_name} is wanted")
        elif root == "Steps":
            yield from self._property(where, target, shape)

    def _parameter(self, where: str, declared: Mapping[str, Any], shape: Any) -> Iterator[Finding]:
        name, kind = declared["Name"], declared["Type"]
        if shape.type_name not in _PARAMETER_TYPES.get(kind, ()):
            cure = "; join it to text (to_string() in the SDK)" if shape.type_name == "string" else ""
            yield Finding(where, f"parameter {name} is {kind} where {shape.type_name} is wanted{cure}")
            return
        values = [declared[key] for key in ("DefaultValue",) if key in declared]
        for value in [*values, *declared.get("EnumValues", [])]:
            yield from self.findings(f"{where} (parameter {name})", value, shape)

    def _property(self, where: str, target: str, shape: Any) -> Iterator[Finding]:
        reference = step_reference(target)
        step = self.pipeline.step(reference[0]) if reference else None
        if reference is None or step is None or step.type == "Condition":
            return  # `references_exist` says so
        found = property_shape(step.type, reference[1])
        if found is not None and found.type_name != shape.type_name:
            yield Finding(where, f"{target} is {found.type_name} where {shape.type_name} is wanted")

    def _sample(self, value: object) -> str | None:
        """Return what a part of a Join may look like at run time, None where only a run can tell."""
        if isinstance(value, (str, int, float)):
            return str(value)
        function = function_name(value)
        assert isinstance(value, Mapping)
        if function == "Get" and value["Get"] == "Execution.PipelineExecutionId":
            return "a1b2c3d4e5f6"
        if function == "Get" and value["Get"].startswith("Parameters."):
            default = self.pipeline.parameters.get(value["Get"][11:], {}).get("DefaultValue")
            return None if default is None else str(default)
        if function == "Std:Join":
            parts = [self._sample(part) for part in value["Std:Join"]["Values"]]
            known = [part for part in parts if part is not None]
            return value["Std:Join"]["On"].join(known) if len(known) == len(parts) else None
        return None


def _kind(value: object) -> str:
    kinds = {bool: "a boolean", str: "text", int: "a whole number", float: "a number", dict: "an object"}
    return kinds.get(type(value), "a list" if isinstance(value, list) else type(value).__name__)


def _shown(value: object) -> str:
    return re.sub(r"(?s)^(.{60}).+$", r"\1…", repr(value))
