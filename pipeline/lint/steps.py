"""What each step asks the service for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.lint.model import Finding, Pipeline, own_arguments
from pipeline.lint.service import GIVEN, REQUESTS, shape
from pipeline.lint.shapes import Fitting

_OWN_TYPES = ("Condition", "Fail")


def types_are_supported(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that a step's type is one that the runner here executes as well as the service."""
    known = (*REQUESTS, *_OWN_TYPES)
    for step in pipeline.steps:
        if step.type not in known:
            yield Finding(step.name, f"steps of type {step.type} are not run here; use {', '.join(known)}")


def arguments_fit_the_service(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that Arguments are a request that the service allows, but for the names Pipelines adds."""
    fitting = Fitting(pipeline)
    for step in pipeline.steps:
        if step.type in REQUESTS:
            wanted = shape(REQUESTS[step.type])
            yield from fitting.findings(step.name, own_arguments(step), wanted, GIVEN[step.type])


def algorithms_define_no_metrics(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that no metrics are defined: the service refuses them on its own algorithms' images."""
    for step in pipeline.steps:
        if "MetricDefinitions" in step.step["Arguments"].get("AlgorithmSpecification", {}):
            yield Finding(step.name, "a built-in algorithm defines its metrics; take out MetricDefinitions")


def channels_keep_the_input_mode(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that no channel overrides the job's InputMode: where the SDK writes File, Pipe is lost."""
    for step in pipeline.steps:
        arguments = step.step["Arguments"]
        wanted = arguments.get("AlgorithmSpecification", {}).get("TrainingInputMode")
        for channel in arguments.get("InputDataConfig", []):
            mode = channel.get("InputMode", wanted)
            if mode != wanted:
                where = f"{step.name}.InputDataConfig[{channel['ChannelName']}]"
                yield Finding(where, f"InputMode {mode} overrides the job's {wanted}; make them agree")


def sdk_leaves_nothing_behind(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that what the SDK writes unasked is out: default buckets, environments, empty groups."""
    for step in pipeline.steps:
        for where, value in _walk(step.name, own_arguments(step)):
            if isinstance(value, str) and "no-default-bucket" in value:
                yield Finding(where, "the SDK chose a location; give one in full")
            if isinstance(value, dict) and "SAGEMAKER_PROGRAM" in value:
                yield Finding(where, "the SDK wrote the environment of a framework; take it out")
            if value == {}:
                yield Finding(where, "the SDK wrote an empty group; take it out")


def _walk(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield where, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(f"{where}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(f"{where}[{index}]", item)
