"""Balanced example weights where the first window, from which classes are counted, lacks one of them."""

from __future__ import annotations

from io import StringIO

import numpy as np
import numpy.typing as npt
import pytest

from algorithms import mini_batches
from algorithms.array_channel import ArrayChannel
from algorithms.linear_learner import ALGORITHM
from algorithms.linear_learner.model import LinearModel
from algorithms.logs import MetricLog

Floats = npt.NDArray[np.float32]

CENTRES = np.array([[0, 0], [3, 0], [0, 3]])
GIVEN = {"mini_batch_size": "100", "epochs": "3", "num_models": "1", "learning_rate": "0.01"}


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first window have 1,000 rows."""
    monkeypatch.setattr(mini_batches, "WINDOW_ROWS", 1000)


def train(labels: npt.NDArray[np.int64], given: dict[str, str]) -> tuple[LinearModel, Floats, str]:
    """Train on rows around a centre a class; the model, the rows and the log."""
    random, out = np.random.default_rng(0), StringIO()
    features = random.normal(CENTRES[labels], 0.7).astype(np.float32)
    channel = ArrayChannel(features, labels.astype(np.float32))
    model = ALGORITHM.train(
        ALGORITHM.hyperparameters.parse(GIVEN | given), {"train": channel}, MetricLog(out)
    )
    assert isinstance(model, LinearModel)
    return model, features, out.getvalue()


MULTICLASS = {
    "predictor_type": "multiclass_classifier", "num_classes": "3", "balance_multiclass_weights": "true",
}  # fmt: skip


def test_a_class_that_the_first_window_lacks_weighs_1() -> None:
    """By its count there it would weigh 500 times as much as the others, which would be taken for it."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 4000)
    labels[2000:2100] = 2
    model, features, log = train(labels, MULTICLASS)
    predicted = np.asarray(model.predict(features)["predicted_label"])
    assert (predicted == labels).mean() > 0.9
    assert "the first 1000 records of channel 'train', which are counted, have none of class 2:" in log


def test_of_many_missing_classes_some_are_named() -> None:
    labels = np.arange(2000) % 2
    _, _, log = train(labels, MULTICLASS | {"num_classes": "100"})
    assert "have none of class 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...: it weighs 1" in log


@pytest.mark.parametrize("first", [0, 1])
def test_positives_weigh_1_where_the_first_window_has_one_label_alone(first: int) -> None:
    labels = np.concatenate([np.full(1000, first), np.arange(1000) % 2])
    given = {"predictor_type": "binary_classifier", "positive_example_weight_mult": "balanced"}
    model, _, log = train(labels, given)
    assert f"have none of class {1 - first}: it weighs 1. Where it occurs, shuffle the records" in log
    plain, _, silent = train(labels, given | {"positive_example_weight_mult": "1"})
    np.testing.assert_array_equal(model.weights, plain.weights)
    assert "Balanced weights" not in silent


def test_nothing_is_said_where_every_class_is_counted() -> None:
    assert "Balanced weights" not in train(np.arange(3000) % 3, MULTICLASS)[2]
