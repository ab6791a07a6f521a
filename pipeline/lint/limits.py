"""Sizes and counts that the service documents."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.lint.model import Finding, Pipeline

MOST_CHARACTERS = 1_048_576
MOST_PARAMETERS = 200
MOST_ATTEMPTS = 20
MOST_MINUTES = 14_400

_SERVICE_ERRORS = frozenset({"Step.SERVICE_FAULT", "Step.THROTTLING"})
_JOB_ERRORS = frozenset(
    {"SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"}
)
_JOBS = frozenset({"Processing", "Training", "Transform"})
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?", re.IGNORECASE)


def definition_is_short_enough(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that the body of the pipeline has 1,048,576 characters at most."""
    size = len(json.dumps(pipeline.definition, ensure_ascii=False))
    if size > MOST_CHARACTERS:
        yield Finding("definition", f"has {size} characters, {MOST_CHARACTERS} are allowed; split the task")


def parameters_are_few_enough(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that there are 200 parameters at most."""
    count = len(pipeline.parameters)
    if count > MOST_PARAMETERS:
        yield Finding("Parameters", f"{count} are declared, {MOST_PARAMETERS} are allowed; fix some settings")


def retries_are_allowed(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that retries end, after 20 attempts or 10 days at most, and name errors of their step."""
    for step in pipeline.steps:
        policies = step.step.get("RetryPolicies", [])
        known = _SERVICE_ERRORS | (_JOB_ERRORS if step.type in _JOBS else frozenset())
        for index, policy in enumerate(policies):
            where = f"{step.name}.RetryPolicies[{index}]"
            yield from _ends(where, policy)
            for error in sorted(set(policy["ExceptionType"]) - known):
                allowed = ", ".join(sorted(known))
                yield Finding(where, f"a {step.type} step has no error {error}; it has {allowed}")
        counted = Counter(error for policy in policies for error in policy["ExceptionType"])
        for error, count in counted.items():
            if count > 1:
                yield Finding(f"{step.name}.RetryPolicies", f"{count} policies name {error}; keep one")


def _ends(where: str, policy: Mapping[str, Any]) -> Iterator[Finding]:
    ends = {"MaxAttempts": MOST_ATTEMPTS, "ExpireAfterMin": MOST_MINUTES}
    named = [name for name in ends if name in policy]
    if len(named) != 1:
        yield Finding(where, f"give one of {' and '.join(ends)}, not {' and '.join(named) or 'neither'}")
    for name in named:
        if not 1 <= policy[name] <= ends[name]:
            yield Finding(where, f"{name} is {policy[name]}; 1 to {ends[name]} are allowed")


def caches_are_allowed(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that only jobs are cached, for a duration in the notation of ISO 8601."""
    for step in pipeline.steps:
        cache = step.step.get("CacheConfig")
        if cache is None:
            continue
        if step.type not in _JOBS:
            yield Finding(step.name, f"a {step.type} step is never cached; take out CacheConfig")
        if cache.get("Enabled") and not _DURATION.fullmatch(str(cache.get("ExpireAfter"))):
            seen = cache.get("ExpireAfter")
            yield Finding(
                f"{step.name}.CacheConfig", f"ExpireAfter is {seen!r}; write a duration such as P30D"
            )
