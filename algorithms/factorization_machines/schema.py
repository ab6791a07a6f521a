"""factorization-machines' hyperparameters: the service's names, ranges, defaults, and rules between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from algorithms.base import LabelRule
from algorithms.hyperparameters import Categorical, Continuous, Hyperparameter, Integer, Schema

BINARY, REGRESSOR = "binary_classifier", "regressor"
TERMS = ("bias", "linear", "factors")

_LR = {"bias": 0.1, "linear": 0.001, "factors": 0.0001}
_WD = {"bias": 0.01, "linear": 0.001, "factors": 0.00001}
_SIGMA = {"bias": 0.01, "linear": 0.01, "factors": 0.001}


def _term(name: str) -> dict[str, Hyperparameter]:
    return {
        f"{name}_lr": Continuous(minimum=0, default=_LR[name]),
        f"{name}_wd": Continuous(minimum=0, default=_WD[name]),
        f"{name}_init_method": Categorical(choices=("normal", "uniform", "constant"), default="normal"),
        f"{name}_init_sigma": Continuous(minimum=0, default=_SIGMA[name]),
        f"{name}_init_scale": Continuous(minimum=0),
        f"{name}_init_value": Continuous(),
    }


def _check_initial(values: Mapping[str, Any]) -> Iterator[str]:
    needed = {"uniform": "init_scale", "constant": "init_value"}
    for term in TERMS:
        method = values[f"{term}_init_method"]
        name = f"{term}_{needed.get(method, 'init_sigma')}"
        if values[name] is None:
            yield f"{name!r} is required with {term}_init_method {method!r}: a number (it has no default)"


SCHEMA = Schema(
    fields={
        "feature_dim": Integer(minimum=1, required=True),
        "num_factors": Integer(minimum=1, required=True),
        "predictor_type": Categorical(choices=(BINARY, REGRESSOR), required=True),
        "epochs": Integer(minimum=1, default=1),
        "mini_batch_size": Integer(minimum=1, default=1000),
        "clip_gradient": Continuous(minimum=0, exclusive_minimum=True),
        "eps": Continuous(minimum=0, exclusive_minimum=True),
        "rescale_grad": Continuous(minimum=0, exclusive_minimum=True),
        **_term("bias"),
        **_term("linear"),
        **_term("factors"),
    },
    checks=(_check_initial,),
)


def label_rule(values: Mapping[str, Any]) -> LabelRule:
    """Return 0 and 1 for a binary classifier, any number for a regressor."""
    return LabelRule(classes=2 if values["predictor_type"] == BINARY else None)
