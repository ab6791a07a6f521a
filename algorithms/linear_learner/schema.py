"""linear-learner's hyperparameters: names, ranges and defaults of the service, and the rules between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from algorithms.base import LabelRule
from algorithms.hyperparameters import AUTO, Boolean, Categorical, Continuous, Integer, Schema

BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"
BALANCED = "balanced"
FEWEST_CLASSES, MOST_CLASSES = 3, 1_000_000
"""What num_classes may be for a multiclass classifier."""

LOSSES = {
    BINARY: ("logistic", "hinge_loss"),
    MULTICLASS: ("softmax_loss", "hinge_loss"),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
"""predictor_type → losses that it allows; the first is what `auto` means."""

CRITERIA = (
    "accuracy",
    "f_beta",
    "f1",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "loss_function",
    "cross_entropy_loss",
)


@dataclass(frozen=True, kw_only=True)
class ExampleWeight:
    """positive_example_weight_mult: a number above 0, `balanced` or `auto`."""

    default: float | str | None = None
    required: bool = False

    @property
    def allowed(self) -> str:
        """What is allowed, for messages."""
        return f"a number above 0, {BALANCED!r} or {AUTO!r}"

    def parse(self, text: str) -> float | str:
        """Return the number or the word; raise ValueError otherwise."""
        if text == BALANCED:
            return text
        return Continuous(minimum=0, exclusive_minimum=True, auto=True).parse(text)


def _fraction(default: float | str, *, auto: bool = False) -> Continuous:
    return Continuous(
        minimum=0, maximum=1, exclusive_minimum=True, exclusive_maximum=True, auto=auto, default=default
    )


def _positive(default: float | str, *, auto: bool = False) -> Continuous:
    return Continuous(minimum=0, exclusive_minimum=True, auto=auto, default=default)


def _not_negative(default: float | str, *, auto: bool = False) -> Continuous:
    return Continuous(minimum=0, auto=auto, default=default)


def _check_num_classes(values: Mapping[str, Any]) -> Iterator[str]:
    classes = values["num_classes"]
    if values["predictor_type"] != MULTICLASS or (classes is not None and classes >= FEWEST_CLASSES):
        return
    allowed = f"an integer from {FEWEST_CLASSES} to {MOST_CLASSES}"
    if classes is None:
        yield f"'num_classes' is required with predictor_type {MULTICLASS!r}: {allowed}"
    else:
        yield (
            f"'num_classes' is {classes}, but with predictor_type {MULTICLASS!r} must be {allowed}; "
            f"two classes are for {BINARY!r}"
        )


def _check_loss(values: Mapping[str, Any]) -> Iterator[str]:
    kind, loss = values["predictor_type"], values["loss"]
    if loss not in (AUTO, *LOSSES[kind]):
        allowed = ", ".join(repr(name) for name in (AUTO, *LOSSES[kind]))
        yield f"'loss' is {loss!r}, but predictor_type {kind!r} takes one of {allowed}"


def _check_top_k(values: Mapping[str, Any]) -> Iterator[str]:
    classes, k = values["num_classes"], values["accuracy_top_k"]
    if values["predictor_type"] == MULTICLASS and classes is not None and k > classes >= FEWEST_CLASSES:
        yield f"'accuracy_top_k' is {k}, but must not exceed num_classes, {classes}"


SCHEMA = Schema(
    fields={
        "predictor_type": Categorical(choices=(BINARY, MULTICLASS, REGRESSOR), required=True),
        "feature_dim": Integer(minimum=1, auto=True, default=AUTO),
        "num_classes": Integer(minimum=1, maximum=MOST_CLASSES),
        "mini_batch_size": Integer(minimum=1, default=1000),
        "epochs": Integer(minimum=1, default=15),
        "num_models": Integer(minimum=1, auto=True, default=AUTO),
        "use_bias": Boolean(default=True),
        "loss": Categorical(
            choices=(AUTO, *dict.fromkeys(name for names in LOSSES.values() for name in names)), default=AUTO
        ),
        "optimizer": Categorical(choices=(AUTO, "sgd", "adam", "rmsprop"), default=AUTO),
        "learning_rate": _positive(AUTO, auto=True),
        "wd": _not_negative(AUTO, auto=True),
        "l1": _not_negative(AUTO, auto=True),
        "momentum": Continuous(minimum=0, maximum=1, exclusive_maximum=True, auto=True, default=AUTO),
        "beta_1": Continuous(minimum=0, maximum=1, exclusive_maximum=True, auto=True, default=AUTO),
        "beta_2": Continuous(minimum=0, maximum=1, exclusive_maximum=True, auto=True, default=AUTO),
        "bias_lr_mult": _positive(AUTO, auto=True),
        "bias_wd_mult": _not_negative(AUTO, auto=True),
        "use_lr_scheduler": Boolean(default=True, auto=True),
        "lr_scheduler_step": Integer(minimum=1, auto=True, default=AUTO),
        "lr_scheduler_factor": _fraction(AUTO, auto=True),
        "lr_scheduler_minimum_lr": _positive(AUTO, auto=True),
        "init_method": Categorical(choices=("uniform", "normal"), default="uniform"),
        "init_scale": _positive(0.07),
        "init_sigma": _positive(0.01),
        "init_bias": Continuous(default=0.0),
        "normalize_data": Boolean(default=True, auto=True),
        "normalize_label": Boolean(default=AUTO, auto=True),
        "unbias_data": Boolean(default=AUTO, auto=True),
        "unbias_label": Boolean(default=AUTO, auto=True),
        "num_point_for_scaler": Integer(minimum=1, default=10_000),
        "num_calibration_samples": Integer(minimum=1, auto=True, default=AUTO),
        "early_stopping_patience": Integer(minimum=1, default=3),
        "early_stopping_tolerance": Continuous(minimum=0, default=0.001),
        "binary_classifier_model_selection_criteria": Categorical(choices=CRITERIA, default="accuracy"),
        "target_recall": _fraction(0.8),
        "target_precision": _fraction(0.8),
        "f_beta": _positive(1.0),
        "positive_example_weight_mult": ExampleWeight(default=1.0),
        "balance_multiclass_weights": Boolean(default=False),
        "accuracy_top_k": Integer(minimum=1, default=3),
        "margin": _positive(1.0),
        "quantile": _fraction(0.5),
        "huber_delta": _positive(1.0),
        "loss_insensitivity": _positive(0.01),
    },
    checks=(_check_num_classes, _check_loss, _check_top_k),
)


def label_rule(values: Mapping[str, Any]) -> LabelRule:
    """Return 0 and 1 for a binary classifier, 0 … num_classes - 1, or any number."""
    kind = values["predictor_type"]
    if kind == REGRESSOR:
        return LabelRule()
    return LabelRule(classes=2 if kind == BINARY else values["num_classes"])
