"""The expressions of pipeline definitions: Get, Std:Join, Std:JsonGet.

An expression is a JSON object with that one key; anything else stands for itself. Values keep their types: a
Get of an Integer parameter is an int, and only Std:Join makes text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.errors import LocalError, StepError
from local.paths import PathError, walk

Resolve = Callable[[object], Any]

# What the entries of the lists in Describe answers are called by in a Get.
_ENTRY_NAMES = ("OutputName", "InputName", "ChannelName", "MetricName")

_FUNCTIONS = ("Get", "Std:Join", "Std:JsonGet")


@dataclass
class Scope:
    """What expressions of one execution can refer to.

    Attributes:
        parameters: the pipeline's parameters, typed.
        execution: execution variables, such as PipelineExecutionId.
        properties: step → its properties, as the service's Describe calls name them.
        property_files: step → the PropertyFiles entries of its definition.
        read_text: returns the content of the object at an S3 URI.

    """

    parameters: Mapping[str, object]
    execution: Mapping[str, str]
    read_text: Callable[[str], bytes]
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    property_files: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def resolve(self, value: object, step: str, variables: Mapping[str, str] | None = None) -> Any:
        """Return `value` with every expression in it replaced by what it stands for.

        Args:
            value: any JSON value.
            step: the step it belongs to, for messages.
            variables: execution variables of this step alone, such as TrainingJobName.

        Raises:
            StepError: an expression leads nowhere; the reason names step and expression.

        """
        return _Resolver(self, step, {**self.execution, **(variables or {})}).resolve(value)


@dataclass(frozen=True)
class _Resolver:
    scope: Scope
    step: str
    variables: Mapping[str, str]

    def resolve(self, value: object) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and (key := next(iter(value))) in _FUNCTIONS:
                return self._call(key, value)
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        return value

    def _call(self, function: str, expression: dict[str, Any]) -> object:
        try:
            if function == "Get":
                return self._get(expression[function])
            if function == "Std:Join":
                return self._join(expression[function])
            return self._json_get(expression[function])
        except PathError as error:
            raise StepError(f"step {self.step!r}: {json.dumps(expression)}: {error}") from None

    # --- Get ------------------------------------------------------------------------------------------

    def _get(self, path: object) -> object:
        root, name, rest = _split_get(path)
        if root == "Parameters":
            return _lookup(self.scope.parameters, name, "parameter")
        if root == "Execution":
            return _lookup(self.variables, name, "execution variable")
        if name not in self.scope.properties:
            raise PathError(f"step {name!r} has not run, so it has no properties")
        if not rest:
            raise PathError(f"say which property of step {name!r} is meant")
        return walk(self.scope.properties[name], rest, _ENTRY_NAMES)

    # --- Std:Join -------------------------------------------------------------------------------------

    def _join(self, arguments: object) -> str:
        if not isinstance(arguments, dict) or not isinstance(arguments.get("Values"), list):
            raise PathError("Std:Join takes On (text) and Values (a list)")
        glue = self.resolve(arguments.get("On", ""))
        if not isinstance(glue, str):
            raise PathError(f"On is {glue!r}, not text")
        return glue.join(as_text(self.resolve(value)) for value in arguments["Values"])

    # --- Std:JsonGet ----------------------------------------------------------------------------------

    def _json_get(self, arguments: object) -> object:
        if not isinstance(arguments, dict) or not isinstance(arguments.get("Path"), str):
            # The service takes no parameter and no Join here (aws/sagemaker-python-sdk #3463).
            raise PathError("Std:JsonGet takes a Path that is plain text, and PropertyFile or S3Uri")
        uri = self._json_location(arguments)
        value = walk(self._document(uri), arguments["Path"])
        if isinstance(value, dict | list) or value is None:
            raise PathError(
                f"{uri} holds {json.dumps(value)[:80]} there; a text, number or boolean is wanted"
            )
        return value

    def _json_location(self, arguments: Mapping[str, Any]) -> str:
        if ("PropertyFile" in arguments) == ("S3Uri" in arguments):
            raise PathError("Std:JsonGet takes one of PropertyFile and S3Uri")
        if "S3Uri" in arguments:
            return as_text(self.resolve(arguments["S3Uri"]))
        reference = arguments["PropertyFile"]
        path = reference.get("Get") if isinstance(reference, dict) else reference
        _, step, rest = _split_get(path)
        return self._property_file(step, rest.removeprefix("PropertyFiles."))

    def _property_file(self, step: str, name: str) -> str:
        declared = {entry["PropertyFileName"]: entry for entry in self.scope.property_files.get(step, [])}
        entry = _lookup(declared, name, f"property file of step {step!r}")
        output = entry["OutputName"]
        found = self._get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri")
        return f"{as_text(found).rstrip('/')}/{entry['FilePath']}"

    def _document(self, uri: str) -> object:
        try:
            return json.loads(self.scope.read_text(uri), parse_constant=_no_constant)
        except LocalError as error:
            raise PathError(str(error)) from None
        except (ValueError, RecursionError) as error:
            raise PathError(f"{uri} is not JSON: {error}") from None


def as_text(value: object) -> str:
    """Return a scalar as the service writes it into text: true and false in small letters.

    Raises:
        PathError: a list, object or null, which have no such form.

    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise PathError(f"{json.dumps(value)[:80]} is no text, number or boolean")


def referenced_step(path: str) -> str | None:
    """Return the step that a Get's path refers to, or None for parameters and execution variables."""
    root, _, rest = path.partition(".")
    return rest.partition(".")[0] if root == "Steps" else None


def _split_get(path: object) -> tuple[str, str, str]:
    """Split "Steps.NAME.rest" into ("Steps", NAME, rest); names hold no dots."""
    if isinstance(path, str):
        root, _, rest = path.partition(".")
        name, _, rest = rest.partition(".")
        if root in ("Parameters", "Execution", "Steps") and name:
            return root, name, rest
    raise PathError("Get takes Parameters.NAME, Execution.NAME or Steps.NAME.PROPERTY")


def _lookup(table: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in table:
        raise PathError(f"there is no {kind} {name!r}; there are: {', '.join(table) or 'none'}")
    return table[name]


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
