"""Thresholds and the choice among models come from the whole channel, in whatever order its rows lie."""

from __future__ import annotations

from io import StringIO

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import f1_score

from algorithms import mini_batches
from algorithms.array_channel import ArrayChannel
from algorithms.base import Features
from algorithms.errors import CustomerError
from algorithms.linear_learner import ALGORITHM, examination
from algorithms.linear_learner.examination import Examination, Weights, sample
from algorithms.linear_learner.losses import binary_loss
from algorithms.linear_learner.model import LinearModel
from algorithms.linear_learner.settings import Criterion
from algorithms.logs import MetricLog
from algorithms.mini_batches import MiniBatches

Floats = npt.NDArray[np.float32]
Data = tuple[Features, Floats]

GIVEN: dict[str, object] = {
    "predictor_type": "binary_classifier", "mini_batch_size": 100, "epochs": 2, "num_models": 4,
    "binary_classifier_model_selection_criteria": "f1",
}  # fmt: skip


def train(given: dict[str, object], **channels: Data) -> LinearModel:
    values = ALGORITHM.hyperparameters.parse({name: str(value) for name, value in given.items()})
    model = ALGORITHM.train(
        values, {name: ArrayChannel(*data, name) for name, data in channels.items()}, MetricLog(StringIO())
    )
    assert isinstance(model, LinearModel)
    return model


def rows(count: int, seed: int = 0, width: int = 3) -> tuple[Floats, Floats]:
    """Three rows in ten are positive, and lie a little apart from the others."""
    random = np.random.default_rng(seed)
    labels = (random.random(count) < 0.3).astype(np.float32)
    return (random.normal(size=(count, width)) + labels[:, None]).astype(np.float32), labels


def by_label(data: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    order = np.argsort(data[1], kind="stable")
    return data[0][order], data[1][order]


def scored(labels: Floats, scores: Floats) -> Examination:
    batches = MiniBatches(ArrayChannel(scores[:, None], labels), 64)
    loss, criterion = binary_loss("logistic", margin=1.0), Criterion("accuracy")
    return Examination(batches, loss, criterion, seed=2, rows=64, count=len(labels))


@pytest.mark.parametrize("validated", [True, False], ids=["validation", "train alone, in windows"])
@pytest.mark.parametrize("samples", [{}, {"num_calibration_samples": 1000}], ids=str)
def test_rows_sorted_by_label_have_as_good_a_threshold_as_shuffled_ones(
    validated: bool, samples: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8,000 rows, 5,600 of label 0 come first: more than are kept, and more than a window has."""
    monkeypatch.setattr(examination, "_ROWS", 2000)
    monkeypatch.setattr(examination, "_SCORES", 4 * 2000)
    monkeypatch.setattr(mini_batches, "WINDOW_ROWS", 3000)
    data, held_out = rows(8000), rows(8000, seed=1)
    for order in (lambda data: data, by_label):
        if validated:
            model = train(GIVEN | samples, train=data, validation=order(held_out))
        else:
            model = train(GIVEN | samples, train=order(data))
        predicted = np.asarray(model.predict(held_out[0])["predicted_label"])
        assert f1_score(held_out[1], predicted) > 0.7


def test_a_sample_has_different_rows_each_as_likely_and_is_drawn_again_by_its_seed() -> None:
    for count, size in ((10, 1), (100, 30), (100, 50), (100, 99), (10**12, 1000)):
        drawn = sample(count, size, 2)
        assert len(drawn) == size
        assert (np.diff(drawn) > 0).all()
        assert drawn[0] >= 0
        assert drawn[-1] < count
        np.testing.assert_array_equal(drawn, sample(count, size, 2))
    times = np.bincount(np.concatenate([sample(20, size, seed) for seed in range(1000) for size in (5, 15)]))
    assert times == pytest.approx(np.full(20, 1000), abs=120)


@pytest.mark.parametrize("label_first", [0, 1])
def test_all_rows_are_used_where_no_more_are_asked_for(label_first: int) -> None:
    """The one row of the other label is the last, and a threshold between the two is found only from all."""
    labels = np.full(1000, label_first, np.float32)
    labels[-1] = 1 - label_first
    found = scored(labels, 2 * labels)
    one = Weights(np.ones((1, 1), np.float32), np.zeros(1, np.float32), 1)
    assert found.threshold(one, None) == 1
    assert found.threshold(one, 1000) == 1
    assert found.best_values(one, None) == 1


def test_more_calibration_samples_than_any_channel_has_are_all_of_it() -> None:
    model = train(GIVEN | {"num_calibration_samples": 10**13}, train=rows(500))
    assert np.isfinite(model.threshold)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("channel", ["validation", "test"])
def test_a_channel_of_another_width_than_training_is_refused(channel: str, width: int, kind: type) -> None:
    data, others = rows(300), rows(100, width=width)
    with pytest.raises(CustomerError) as raised:
        train(GIVEN, train=(kind(data[0]), data[1]), **{channel: (kind(others[0]), others[1])})
    assert str(raised.value) == (
        f"channel {channel!r} has {width} features a record, but channel 'train' has 3: convert both alike"
    )
