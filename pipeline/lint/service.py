"""SageMaker's own model of its requests and answers, from botocore's package data."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

REQUESTS = {
    "Processing": "CreateProcessingJobRequest",
    "Training": "CreateTrainingJobRequest",
    "Transform": "CreateTransformJobRequest",
    "Model": "CreateModelInput",
    "RegisterModel": "CreateModelPackageInput",
}
ANSWERS = {
    "Processing": "DescribeProcessingJobResponse",
    "Training": "DescribeTrainingJobResponse",
    "Transform": "DescribeTransformJobResponse",
    "Model": "DescribeModelOutput",
    "RegisterModel": "DescribeModelPackageOutput",
}

# What Pipelines adds when it makes the request, so that a definition need not.
GIVEN = {
    "Processing": frozenset({"ProcessingJobName"}),
    "Training": frozenset({"TrainingJobName"}),
    "Transform": frozenset({"TransformJobName"}),
    "Model": frozenset({"ModelName"}),
    "RegisterModel": frozenset({"ModelPackageName"}),
}


@cache
def shape(name: str) -> Any:
    """Return a shape of the service model, such as CreateTrainingJobRequest.

    Read from botocore's own files: a model that a user put below ~/.aws would change the verdict.
    """
    return _service().shape_for(name)


@cache
def _service() -> ServiceModel:
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model("sagemaker", "service-2"), "sagemaker")


@cache
def pattern(text: str) -> re.Pattern[str] | None:
    r"""Compile a pattern of the service model, whole text meant; None where Python has no such notation.

    The model's patterns are Java's. A few use \p{…} classes or surrogate pairs, which Python lacks; no field
    of the five requests checked here that a pipeline fills is among them but tags.
    """
    if r"\p{" in text or r"\uD800" in text:
        return None
    return re.compile(text)


_STEP = re.compile(r"\.?([A-Za-z0-9]+)|\['([^']+)'\]|\[(\d+)\]")


def property_shape(step_type: str, path: str) -> Any | None:
    """Return the shape of a step's property, such as ModelArtifacts.S3ModelArtifacts, or None."""
    found = shape(ANSWERS[step_type])
    position = 0
    while position < len(path):
        part = _STEP.match(path, position)
        if part is None:
            return None
        found = _inner(found, *part.groups())
        if found is None:
            return None
        position = part.end()
    return found


def _inner(outer: Any, member: str | None, key: str | None, index: str | None) -> Any | None:
    if member is not None:
        return outer.members.get(member) if outer.type_name == "structure" else None
    if outer.type_name == "map" and key is not None:
        return outer.value
    # Pipelines also finds an entry of a list by its name: Outputs['train'].
    return outer.member if outer.type_name == "list" and (key or index) else None
