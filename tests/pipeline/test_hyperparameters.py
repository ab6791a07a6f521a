"""What the compiled definitions give each algorithm is what the algorithm takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from algorithms.registry import find_algorithm
from pipeline.definition import load, resolve_parameters, steps, task_names

FROM_DATASET = {
    "feature_dim": ["64", "784"],
    "num_classes": ["3", "10"],
    "normalize_data": ["true", "false"],
    "num_models": ["auto", "4"],
    "sample_size": ["112", "60000"],
}
"""What a conversion writes to dataset.json, by its key: for a small data set, and for a large one."""

ALGORITHMS = {
    "${LinearLearnerImage}": "linear-learner",
    "${FactorizationMachinesImage}": "factorization-machines",
    "${KnnImage}": "knn",
}

TRAININGS = [
    pytest.param(task, placed.step, which, id=f"{task} {placed.name} {size}")
    for task in task_names()
    for placed in steps(load(task))
    if placed.type == "Training"
    for which, size in enumerate(("small", "large"))
]


def text(value: Any, parameters: Mapping[str, Any], which: int) -> str:
    """What SageMaker hands to the container for a value of a definition."""
    if isinstance(value, str):
        return value
    assert isinstance(value, dict)
    ((function, argument),) = value.items()
    if function == "Get":
        found = parameters[argument.removeprefix("Parameters.")]
        assert isinstance(found, str), f"{argument} is a number, which a hyperparameter cannot be: join it"
        return found
    if function == "Std:Join":
        pieces = [parameters[part["Get"].removeprefix("Parameters.")] for part in argument["Values"]]
        return str(argument["On"]).join(str(piece) for piece in pieces)
    assert function == "Std:JsonGet"
    return FROM_DATASET[argument["Path"].removeprefix("hyperparameters.")][which]


def test_every_task_trains_something() -> None:
    assert {parameters.values[0] for parameters in TRAININGS} == set(task_names())


@pytest.mark.parametrize(("task", "step", "which"), TRAININGS)
def test_the_algorithm_takes_what_the_definition_gives(task: str, step: dict[str, Any], which: int) -> None:
    parameters = resolve_parameters(load(task), {})
    given = {
        name: text(value, parameters, which) for name, value in step["Arguments"]["HyperParameters"].items()
    }
    image = step["Arguments"]["AlgorithmSpecification"]["TrainingImage"]
    parsed = find_algorithm(ALGORITHMS[image]).hyperparameters.parse(given)
    assert given.keys() <= parsed.keys()
