"""The algorithms by name. A module is imported only when its algorithm is asked for (faiss only for knn)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from algorithms.base import Algorithm

_MODULES = {
    "linear-learner": "algorithms.linear_learner",
    "factorization-machines": "algorithms.factorization_machines",
    "knn": "algorithms.knn",
}

NAMES = tuple(_MODULES)


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm; KeyError where there is none of that name."""
    found: Algorithm = import_module(_MODULES[name]).ALGORITHM
    return found
