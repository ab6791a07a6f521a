"""How steps refer to parameters and to each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from pipeline.definition import PlacedStep, references
from pipeline.errors import nearest
from pipeline.lint.model import (
    Finding,
    Pipeline,
    functions,
    own_arguments,
    referenced_steps,
    step_reference,
)
from pipeline.lint.service import ANSWERS, property_shape

# ExecutionVariables of the SDK.
_EXECUTION = frozenset(
    {
        "CurrentDateTime",
        "PipelineArn",
        "PipelineExecutionArn",
        "PipelineExecutionId",
        "PipelineName",
        "ProcessingJobName",
        "StartDateTime",
        "TrainingJobName",
    }
)
_STEP_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


def names_are_unique(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that no two steps, and no two parameters, share a name, in whatever branch they are."""
    declared = [entry["Name"] for entry in pipeline.definition.get("Parameters", [])]
    for kind, names in (("step", [step.name for step in pipeline.steps]), ("parameter", declared)):
        for name, count in Counter(names).items():
            if count > 1:
                yield Finding(name, f"{count} {kind}s have this name; rename all but one")


def names_are_allowed(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that names are letters, digits, hyphens and underscores: 64 at most (parameters: 256)."""
    for step in pipeline.steps:
        if not _STEP_NAME.fullmatch(step.name):
            yield Finding(step.name, f"step names match {_STEP_NAME.pattern}; rename it")
    for name in pipeline.parameters:
        if not _PARAMETER_NAME.fullmatch(name):
            yield Finding(name, f"parameter names match {_PARAMETER_NAME.pattern}; rename it")


def references_exist(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that what a Get names exists: parameter, execution variable, property or property file."""
    for step in pipeline.steps:
        for path, function, target in functions(own_arguments(step)):
            if function == "Get":
                problem = _problem(pipeline, target)
                if problem:
                    yield Finding(f"{step.name}.{path}", f"{target}: {problem}")


def _problem(pipeline: Pipeline, target: str) -> str | None:
    root, _, rest = target.partition(".")
    if root == "Parameters":
        known = pipeline.parameters
        return None if rest in known else f"no such parameter{nearest(rest, known)}"
    if root == "Execution":
        return None if rest in _EXECUTION else f"no such variable{nearest(rest, sorted(_EXECUTION))}"
    reference = step_reference(target)
    if reference is None:
        return "a Get names Parameters.X, Execution.X or Steps.X.Y"
    step = pipeline.step(reference[0])
    if step is None:
        return f"no such step{nearest(reference[0], [known.name for known in pipeline.steps])}"
    return _property_problem(step, reference[1])


def _property_problem(step: PlacedStep, path: str) -> str | None:
    if path.startswith("PropertyFiles."):
        files = [entry["PropertyFileName"] for entry in step.step.get("PropertyFiles", [])]
        name = path.removeprefix("PropertyFiles.")
        return (
            None if name in files else f"{step.name} declares no property file {name}{nearest(name, files)}"
        )
    if step.type == "Condition":
        return None if path == "Outcome" else "a condition has one property, Outcome"
    if step.type not in ANSWERS or not path or property_shape(step.type, path) is None:
        return f"a {step.type} step has no such property"
    output = re.match(r"ProcessingOutputConfig\.Outputs\['([^']+)'\]", path)
    names = _outputs(step)
    if output and output[1] not in names:
        return f"{step.name} has no output {output[1]}{nearest(output[1], names)}"
    return None


def _outputs(step: PlacedStep) -> list[str]:
    config = step.step["Arguments"].get("ProcessingOutputConfig", {})
    return [entry["OutputName"] for entry in config.get("Outputs", [])]


def dependencies_exist(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that what DependsOn names are steps."""
    known = [step.name for step in pipeline.steps]
    for step in pipeline.steps:
        for name in step.step.get("DependsOn", []):
            if name not in known:
                yield Finding(f"{step.name}.DependsOn", f"no step {name}{nearest(str(name), known)}")


def branches_stay_closed(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that nothing outside a branch waits for a step in it, since that step may never run."""
    for step in pipeline.steps:
        for name in referenced_steps(step):
            other = pipeline.step(name)
            if other and step.branches[: len(other.branches)] != other.branches:
                yield Finding(step.name, f"waits for {name}, which runs in a branch only; move one of them")


def no_step_waits_for_itself(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that references, DependsOn and branches leave an order in which to run the steps."""
    known = {step.name for step in pipeline.steps}
    waits = {
        step.name: {
            *(name for name in referenced_steps(step) if name in known),
            *(condition for condition, _ in step.branches),
        }
        for step in pipeline.steps
    }
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        yield Finding(circle[0], f"waits for itself: {' → '.join(circle)}; take one reference out")


def parameters_are_used(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that each parameter is read by a step, so that setting it has an effect."""
    used = set(references(pipeline.definition["Steps"]))
    for name in pipeline.parameters:
        if f"Parameters.{name}" not in used:
            yield Finding(name, "no step reads this parameter; use it or take it out")


def property_files_are_outputs(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that a property file lies in one of its step's outputs."""
    for step in pipeline.steps:
        for file in step.step.get("PropertyFiles", []):
            name, outputs = file["OutputName"], _outputs(step)
            if name not in outputs:
                where = f"{step.name}.PropertyFiles[{file['PropertyFileName']}]"
                yield Finding(where, f"{step.name} has no output {name}{nearest(name, outputs)}")


def json_paths_are_text(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that JsonGet has a path known beforehand (aws/sagemaker-python-sdk #3463, #4418)."""
    for step in pipeline.steps:
        for path, function, argument in functions(own_arguments(step)):
            if function == "Std:JsonGet" and not isinstance(argument.get("Path"), str):
                yield Finding(
                    f"{step.name}.{path}", "Path must be plain text; write the value at a fixed path"
                )
