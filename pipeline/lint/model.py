"""A definition as the checks see it: typical values for placeholders, steps and references located."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.definition import PlacedStep, fill, parameters, placeholders, steps

# By the ending of its name: what a placeholder typically stands for, so that patterns and lengths of the
# texts around it can be checked.
_TYPICAL = {
    "RoleArn": "arn:aws:iam::123456789012:role/typical",
    "KeyArn": "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/typical:1",
    "Bucket": "typical-bucket",
    "Uri": "s3://typical-bucket/prefix/",
    "SubnetIdA": "subnet-0123456789abcdef0",
    "SubnetIdB": "subnet-0123456789abcdef1",
    "SecurityGroupId": "sg-0123456789abcdef0",
    "GroupName": "typical",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, and what to do about it."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Pipeline:
    """A definition with no placeholder left, its steps and parameters at hand."""

    definition: Mapping[str, Any]
    steps: tuple[PlacedStep, ...]
    parameters: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Pipeline:
        """Fill a definition with typical values."""
        filled = fill(definition, {name: _typical(name) or "" for name in placeholders(definition)})
        return cls(filled, tuple(steps(filled)), parameters(filled))

    def step(self, name: str) -> PlacedStep | None:
        """Return the step of that name."""
        return next((step for step in self.steps if step.name == name), None)


def open_names(definition: Mapping[str, Any]) -> Iterator[Finding]:
    """Check that every placeholder is of a known kind, or nobody will fill it in."""
    for name in sorted(placeholders(definition)):
        if _typical(name) is None:
            kinds = ", ".join(f"…{ending}" for ending in _TYPICAL)
            yield Finding(f"${{{name}}}", f"nobody fills this in; names end in one of {kinds}")


def _typical(name: str) -> str | None:
    return next((value for ending, value in _TYPICAL.items() if name.endswith(ending)), None)


def own_arguments(step: PlacedStep) -> dict[str, Any]:
    """Return a step's Arguments without the steps in its branches, which answer for themselves."""
    return {
        name: value for name, value in step.step["Arguments"].items() if name not in ("IfSteps", "ElseSteps")
    }


def functions(value: object, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (path, function, argument) of every Get, Std:Join and Std:JsonGet within a value."""
    if isinstance(value, Mapping):
        name = function_name(value)
        if name:
            yield path, name, value[name]
        for key, item in value.items():
            yield from functions(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from functions(item, f"{path}[{index}]")


def function_name(value: object) -> str | None:
    """Return Get, Std:Join or Std:JsonGet when a value is such a function, else None."""
    if isinstance(value, Mapping) and len(value) == 1:
        name = next(iter(value))
        if name in ("Get", "Std:Join", "Std:JsonGet"):
            return str(name)
    return None


_STEP_REFERENCE = re.compile(r"Steps\.([A-Za-z0-9_-]+)(?:\.(.+))?")


def step_reference(target: str) -> tuple[str, str] | None:
    """Split "Steps.NAME.A.B['k']" into ("NAME", "A.B['k']"); None when it refers to no step."""
    match = _STEP_REFERENCE.fullmatch(target)
    return (match[1], match[2] or "") if match else None


def referenced_steps(step: PlacedStep) -> Iterator[str]:
    """Yield the names of the steps that a step waits for: those it refers to, and those in DependsOn."""
    for _, name, argument in functions(own_arguments(step)):
        reference = step_reference(argument) if name == "Get" and isinstance(argument, str) else None
        if reference:
            yield reference[0]
    yield from (name for name in step.step.get("DependsOn", []) if isinstance(name, str))
