"""What the parsed hyperparameters mean once every `auto` is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from algorithms.hyperparameters import AUTO
from algorithms.linear_learner.losses import Loss, binary_loss, multiclass_loss, regression_loss
from algorithms.linear_learner.optimizers import OptimizerSettings
from algorithms.linear_learner.schema import BINARY, LOSSES, MULTICLASS, REGRESSOR

NUM_MODELS = 32
"""What num_models `auto` means where there is anything to vary (ids 0 to 31 in published logs)."""


@dataclass(frozen=True)
class Schedule:
    """Learning rate by number of updates: rate · factor^(updates // step), never below `minimum`."""

    step: int
    factor: float
    minimum: float

    def multiplier(self, updates: int) -> float:
        """Return the factor after so many updates."""
        return float(self.factor ** (updates // self.step))


@dataclass(frozen=True)
class Initial:
    """Where weights start: uniform in ±scale or normal with sigma; the bias at `bias`."""

    method: str
    scale: float
    sigma: float
    bias: float


@dataclass(frozen=True)
class Criterion:
    """How models are compared.

    name: accuracy, f_beta, precision_at_target_recall, recall_at_target_precision or loss.
    """

    name: str
    f_beta: float = 1.0
    target_recall: float = 0.8
    target_precision: float = 0.8

    @property
    def falling(self) -> bool:
        """Whether less is better."""
        return self.name == "loss"


@dataclass(frozen=True)
class Settings:
    """One job's settings. classes: score columns a model, 1 unless multiclass."""

    kind: str
    classes: int
    loss_name: str
    margin: float
    insensitivity: float
    quantile: float
    huber_delta: float
    optimizer: OptimizerSettings
    schedule: Schedule | None
    initial: Initial
    criterion: Criterion
    mini_batch_size: int
    epochs: int
    use_bias: bool
    bias_lr_mult: float
    bias_wd_mult: float
    centre: bool
    divide: bool
    centre_label: bool
    divide_label: bool
    scaler_points: int
    calibration_samples: int | None
    patience: int
    tolerance: float
    balance_classes: bool
    top_k: int

    def loss(self, label_deviation: float = 1.0) -> Loss:
        """Return the loss for labels that were divided by `label_deviation`.

        loss_insensitivity and huber_delta are in the label's own unit, so they are divided alike:
        normalising the label must not change which errors count as small.
        """
        if self.kind == BINARY:
            return binary_loss(self.loss_name, margin=self.margin)
        if self.kind == MULTICLASS:
            return multiclass_loss(self.loss_name, margin=self.margin)
        return regression_loss(
            self.loss_name,
            insensitivity=self.insensitivity / label_deviation,
            quantile=self.quantile,
            huber_delta=self.huber_delta / label_deviation,
        )


def _decide(value: Any, otherwise: Any) -> Any:
    return otherwise if value == AUTO else value


def _schedule(values: Mapping[str, Any]) -> Schedule | None:
    if not _decide(values["use_lr_scheduler"], True):
        return None
    return Schedule(
        step=_decide(values["lr_scheduler_step"], 10),
        factor=_decide(values["lr_scheduler_factor"], 0.99),
        minimum=_decide(values["lr_scheduler_minimum_lr"], 1e-5),
    )


def _criterion(values: Mapping[str, Any]) -> Criterion:
    if values["predictor_type"] != BINARY:
        return Criterion("loss")
    chosen = values["binary_classifier_model_selection_criteria"]
    # f1 is f_beta with beta 1 whatever f_beta says; cross_entropy_loss is an older name of loss_function.
    names = {"f1": "f_beta", "loss_function": "loss", "cross_entropy_loss": "loss"}
    return Criterion(
        names.get(chosen, chosen),
        1.0 if chosen == "f1" else values["f_beta"],
        values["target_recall"],
        values["target_precision"],
    )


def resolve(values: Mapping[str, Any]) -> Settings:
    """Decide every `auto`.

    Centring needs a bias to fold the mean into: without use_bias, data and label are divided only.
    """
    kind = values["predictor_type"]
    divide = _decide(values["normalize_data"], True)
    use_bias = values["use_bias"]
    regressor = kind == REGRESSOR
    divide_label = regressor and _decide(values["normalize_label"], True)
    samples = values["num_calibration_samples"]
    return Settings(
        kind=kind,
        classes=values["num_classes"] if kind == MULTICLASS else 1,
        loss_name=_decide(values["loss"], LOSSES[kind][0]),
        margin=values["margin"],
        insensitivity=values["loss_insensitivity"],
        quantile=values["quantile"],
        huber_delta=values["huber_delta"],
        optimizer=OptimizerSettings(
            _decide(values["optimizer"], "adam"),
            momentum=_decide(values["momentum"], 0.9),
            beta_1=_decide(values["beta_1"], 0.9),
            beta_2=_decide(values["beta_2"], 0.999),
        ),
        schedule=_schedule(values),
        initial=Initial(
            values["init_method"], values["init_scale"], values["init_sigma"], values["init_bias"]
        ),
        criterion=_criterion(values),
        mini_batch_size=values["mini_batch_size"],
        epochs=values["epochs"],
        use_bias=use_bias,
        bias_lr_mult=_decide(values["bias_lr_mult"], 1.0),
        bias_wd_mult=_decide(values["bias_wd_mult"], 0.0),
        centre=use_bias and _decide(values["unbias_data"], True),
        divide=divide,
        centre_label=regressor and use_bias and _decide(values["unbias_label"], True),
        divide_label=divide_label,
        scaler_points=values["num_point_for_scaler"],
        calibration_samples=None if samples == AUTO else samples,
        patience=values["early_stopping_patience"],
        tolerance=values["early_stopping_tolerance"],
        balance_classes=values["balance_multiclass_weights"],
        top_k=values["accuracy_top_k"],
    )
