"""The models that are trained in lock-step: who gets which learning rate, wd, l1 and example weight."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from algorithms.hyperparameters import AUTO
from algorithms.linear_learner.schema import BALANCED, BINARY
from algorithms.linear_learner.settings import NUM_MODELS

_RATES = {"adam": (0.003, 0.1), "rmsprop": (0.003, 0.1), "sgd": (0.01, 0.3)}
"""optimizer → least and greatest learning rate tried. On standardised data Adam moves a weight by about the
rate an update: 0.1 is what 15 epochs of a few batches need, 0.003 what thousands of batches can afford."""
_WD = (1e-6, 1e-3)
_L1 = (1e-5, 1e-3)


@dataclass(frozen=True)
class Variant:
    """One model's own hyperparameters. positive_weight: a number or `balanced`."""

    learning_rate: float
    wd: float
    l1: float
    positive_weight: float | str


def _rates(optimizer: str, levels: int) -> list[float]:
    low, high = _RATES[optimizer]
    return [(low * high) ** 0.5] if levels == 1 else np.geomspace(high, low, levels).tolist()


def _penalties(ends: tuple[float, float], levels: int) -> list[float]:
    return [0.0, *np.geomspace(*ends, levels - 1).tolist()] if levels > 1 else [0.0]


def _levels(models: int, free: list[str]) -> dict[str, int]:
    """Double the free axes in turn until the grid holds `models`: 32 models make 4 rates × 4 wd × 2 l1."""
    levels = dict.fromkeys(free, 1)
    for axis in itertools.cycle(free) if free else ():
        if np.prod(list(levels.values())) >= models:
            break
        levels[axis] *= 2
    return levels


def _given(values: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    for name in ("learning_rate", "wd", "l1"):
        if values[name] != AUTO:
            yield name, [values[name]]


def _weights(given: Any, models: int) -> list[float | str]:
    """Positive example weights to try; `auto` tries both with and without balance."""
    if given != AUTO:
        return [given]
    return [1.0, BALANCED] if models > 1 else [1.0]


def variants(values: Mapping[str, Any], optimizer: str) -> list[Variant]:
    """List the models of a job.

    A learning_rate, wd or l1 that was given holds for every model; the others span a grid. With num_models
    `auto` there are 32, or one where all three were given (nothing is left to vary) or where the job is part
    of hyperparameter tuning. More models than grid points differ in their initial weights.
    """
    fixed = dict(_given(values))
    free = [name for name in ("learning_rate", "wd", "l1") if name not in fixed]
    count = values["num_models"]
    weight = values["positive_example_weight_mult"] if values["predictor_type"] == BINARY else 1.0
    if values.get("_tuning_objective_metric"):
        count = 1
    elif count == AUTO:
        count = NUM_MODELS if free or weight == AUTO else 1
    weights = _weights(weight, count)
    levels = _levels(-(-count // len(weights)), free)
    axes: dict[str, Callable[[], list[float]]] = {
        "learning_rate": lambda: _rates(optimizer, levels["learning_rate"]),
        "wd": lambda: _penalties(_WD, levels["wd"]),
        "l1": lambda: _penalties(_L1, levels["l1"]),
    }
    chosen = [fixed[name] if name in fixed else axis() for name, axis in axes.items()]
    grid = [
        Variant(rate, wd, l1, weight) for weight in weights for rate, wd, l1 in itertools.product(*chosen)
    ]
    return [grid[index % len(grid)] for index in range(count)]
