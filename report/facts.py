"""What an execution's records say together: champion, threshold, failure, classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from report import wording

CHAMPION_PATH = "champion.value"


@dataclass(frozen=True)
class Gate:
    """The quality gate: the threshold's value and the pipeline parameter that sets it, where one does."""

    threshold: float
    parameter: str | None


@dataclass(frozen=True)
class Facts:
    """The four records of an execution, and what follows from more than one of them."""

    execution: Mapping[str, Any]
    inspection: Mapping[str, Any] | None
    evaluation: Mapping[str, Any] | None
    definition: Mapping[str, Any]

    @cached_property
    def task(self) -> str:
        """The task's name."""
        return str(self.execution.get("task") or "execution")

    @cached_property
    def identifier(self) -> str:
        """The execution's ARN or id."""
        return str(self.execution.get("execution") or wording.MISSING)

    @cached_property
    def status(self) -> str:
        """The execution's status in SageMaker's words: Succeeded, Failed, Executing and the like."""
        return str(self.execution.get("status") or "Unknown")

    @cached_property
    def steps(self) -> Mapping[str, Mapping[str, Any]]:
        """The execution's steps by name."""
        return {str(step["name"]): step for step in self.execution.get("steps") or []}

    @cached_property
    def failed_steps(self) -> Sequence[Mapping[str, Any]]:
        """The steps that failed."""
        return [step for step in self.steps.values() if str(step.get("status")).lower() == "failed"]

    @cached_property
    def stopped_by_gate(self) -> bool:
        """Whether a Fail step ended the execution: the work was done, and its result not good enough."""
        return bool(self.failed_steps) and all(step.get("type") == "Fail" for step in self.failed_steps)

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The pipeline's parameters: the definition's defaults, overridden by the execution's values."""
        declared = self.definition.get("Parameters") or []
        defaults = {str(p["Name"]): p.get("DefaultValue") for p in declared if isinstance(p, Mapping)}
        return {**defaults, **(self.execution.get("parameters") or {})}

    @cached_property
    def candidates(self) -> Mapping[str, Mapping[str, Any]]:
        """The evaluated candidates by name, in the task's order; empty before the evaluation."""
        return (self.evaluation or {}).get("candidates") or {}

    @cached_property
    def champion(self) -> str | None:
        """The champion's name, None before the evaluation."""
        name = ((self.evaluation or {}).get("champion") or {}).get("name")
        return None if name is None else str(name)

    @cached_property
    def metric(self) -> str:
        """The key of the metric that decided: `f1` or `macro_f1`."""
        return str(((self.evaluation or {}).get("champion") or {}).get("metric") or "f1")

    @cached_property
    def champion_value(self) -> float | None:
        """The champion's value of that metric."""
        return wording.as_number(((self.evaluation or {}).get("champion") or {}).get("value"))

    @cached_property
    def gate(self) -> Gate | None:
        """The threshold that the champion is held against: the condition on `champion.value`."""
        for condition in _conditions(self.definition.get("Steps") or []):
            path = _json_path(condition.get("LeftValue"))
            if path == CHAMPION_PATH:
                return self._gate(condition.get("RightValue"))
        return None

    def _gate(self, value: Any) -> Gate | None:
        parameter = None
        if isinstance(value, Mapping) and str(value.get("Get", "")).startswith("Parameters."):
            parameter = str(value["Get"]).removeprefix("Parameters.")
            value = self.parameters.get(parameter)
        threshold = wording.as_number(value)
        return None if threshold is None else Gate(threshold, parameter)

    @cached_property
    def runner_up(self) -> tuple[str, float] | None:
        """The best of the candidates that did not win, with its value."""
        others = {
            name: wording.as_number(figures.get(self.metric))
            for name, figures in self.candidates.items()
            if name != self.champion
        }
        known = {name: value for name, value in others.items() if value is not None}
        return max(known.items(), key=lambda item: item[1]) if known else None

    @cached_property
    def classes(self) -> list[str]:
        """The names of the classes, by label."""
        return wording.class_names(self.evaluation) or wording.class_names(self.inspection)


def _conditions(steps: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every condition of every Condition step, nested ones included."""
    for step in steps:
        arguments = step.get("Arguments") or {}
        if step.get("Type") == "Condition":
            yield from arguments.get("Conditions") or []
            yield from _conditions([*(arguments.get("IfSteps") or []), *(arguments.get("ElseSteps") or [])])


def _json_path(value: Any) -> str | None:
    inner = value.get("Std:JsonGet") if isinstance(value, Mapping) else None
    return str(inner.get("Path")) if isinstance(inner, Mapping) else None
