"""linear-learner's parts by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from algorithms.aligned import zeros
from algorithms.array_channel import ArrayChannel
from algorithms.base import Batch, Features
from algorithms.errors import CustomerError
from algorithms.linear_learner import lockstep, scaling
from algorithms.linear_learner.calibration import calibrate
from algorithms.linear_learner.comparison import best_values
from algorithms.linear_learner.early_stopping import EarlyStopping
from algorithms.linear_learner.example_weights import learn_example_weights
from algorithms.linear_learner.grid import Variant
from algorithms.linear_learner.lockstep import ExampleWeights, LockStep
from algorithms.linear_learner.losses import (
    Loss,
    binary_loss,
    cross_entropy,
    multiclass_loss,
    regression_loss,
)
from algorithms.linear_learner.metrics import BinaryMetrics, MulticlassMetrics, RegressionMetrics
from algorithms.linear_learner.optimizers import OptimizerSettings, create
from algorithms.linear_learner.rates import Penalty, Rates
from algorithms.linear_learner.scaling import LabelScaler, learn_label_scaler, learn_scaler
from algorithms.linear_learner.schema import LOSSES, REGRESSOR, SCHEMA
from algorithms.linear_learner.settings import Criterion, resolve
from algorithms.logs import MetricLog
from algorithms.mini_batches import MiniBatches

Floats = npt.NDArray[np.float32]


@dataclass
class Rows(ArrayChannel):
    """Arrays that count how often they are read."""

    passes: int = 0

    def batches(self, rows: int) -> Iterator[Batch]:
        self.passes += 1
        yield from super().batches(rows)


def _regression(name: str) -> Loss:
    return regression_loss(name, insensitivity=0.3, quantile=0.8, huber_delta=0.7)


SCALAR_LOSSES = {
    "logistic": (binary_loss("logistic", margin=1), True),
    "hinge": (binary_loss("hinge_loss", margin=1.5), True),
    **{name: (_regression(name), False) for name in LOSSES[REGRESSOR]},
}


@pytest.mark.parametrize("name", SCALAR_LOSSES)
def test_gradient_of_every_scalar_loss_is_the_slope_of_its_value(name: str) -> None:
    loss, binary = SCALAR_LOSSES[name]
    random = np.random.default_rng(1)
    scores = random.uniform(-3, 3, (40, 3)).astype(np.float32)
    labels = (random.integers(0, 2, 40) if binary else random.uniform(-2, 2, 40)).astype(np.float32)
    _check_slope(loss, scores, labels)


@pytest.mark.parametrize("name", ["softmax_loss", "hinge_loss"])
def test_gradient_of_every_multiclass_loss_is_the_slope_of_its_value(name: str) -> None:
    random = np.random.default_rng(2)
    scores = random.uniform(-3, 3, (40, 4, 3)).astype(np.float32)
    _check_slope(multiclass_loss(name, margin=1.2), scores, random.integers(0, 4, 40).astype(np.float32))


def _check_slope(loss: Loss, scores: Floats, labels: Floats) -> None:
    gradient, scratch = np.empty_like(scores), np.empty_like(scores)
    loss.evaluate(scores.copy(), labels, gradient)
    step = 1e-2
    wrong = 0
    for index in np.ndindex(*scores.shape[1:]):
        up, down = scores.copy(), scores.copy()
        up[(slice(None), *index)] += step
        down[(slice(None), *index)] -= step
        rise = loss.evaluate(up, labels, scratch) - loss.evaluate(down, labels, scratch)
        slope = rise.sum(axis=1) / (2 * step)
        wrong += int((np.abs(slope - gradient[(slice(None), *index)]) > 5e-3).sum())
    assert wrong <= 0.03 * scores.size  # rows within a step of a kink have no slope there


def test_a_loss_may_overwrite_the_scores_with_its_gradient() -> None:
    scores = np.random.default_rng(0).normal(size=(6, 3, 2)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2], np.float32)
    for name in ("softmax_loss", "hinge_loss"):
        loss, apart, same = multiclass_loss(name, margin=1), np.empty_like(scores), scores.copy()
        values = loss.evaluate(scores.copy(), labels, apart)
        np.testing.assert_array_equal(loss.evaluate(same, labels, same), values)
        np.testing.assert_array_equal(same, apart)


def test_losses_stay_finite_for_huge_scores() -> None:
    scores = np.array([[-1e4, 1e4]], np.float32)
    gradient = np.empty_like(scores)
    with np.errstate(over="ignore"):
        values = binary_loss("logistic", margin=1).evaluate(scores, np.ones(1, np.float32), gradient)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(gradient, [[-1, 0]])


@pytest.mark.parametrize("height", [-1e4, -200, -60, 0, 60, 200, 1e4])
def test_softmax_does_not_depend_on_how_high_all_scores_are(height: float) -> None:
    scores = np.array([[[0.0], [1.0], [-2.0]], [[3.0], [3.0], [1.0]]], np.float32)
    labels, loss = np.array([1, 2], np.float32), multiclass_loss("softmax_loss", margin=1)
    expected, found = np.empty_like(scores), np.empty_like(scores)
    losses = loss.evaluate(scores, labels, expected)
    with np.errstate(over="ignore", divide="ignore"):
        values = loss.evaluate(scores + np.float32(height), labels, found)
    np.testing.assert_allclose(values, losses, rtol=1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(expected.sum(axis=1), 0, atol=1e-6)


def _plain(name: str, weights: float, gradients: list[float], rate: float) -> float:
    """The textbook update of one weight, in float64."""
    first = second = 0.0
    for step, g in enumerate(gradients, 1):
        if name == "sgd":
            first = 0.9 * first + g
            weights -= rate * first
        elif name == "rmsprop":
            second = 0.9 * second + 0.1 * g * g
            weights -= rate * g / (second**0.5 + 1e-8)
        else:
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
            weights -= rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)) ** 0.5 + 1e-8)
    return weights


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("rows", [3, 8, 200])
def test_optimizers_follow_their_textbook(name: str, rows: int) -> None:
    gradients = [0.5, -0.2, 0.3, 0.3, -1.0]
    optimizer = create(OptimizerSettings(name), (rows, 400))
    weights = np.full((rows, 400), 0.25, np.float32)
    rates = np.linspace(0.01, 0.1, 400, dtype=np.float32)
    zero = np.zeros(400, np.float32)
    for g in gradients:
        optimizer.step(weights, np.full_like(weights, g), Rates(rates), Penalty(zero, zero))
    expected = [_plain(name, 0.25, gradients, float(rate)) for rate in rates[:5]]
    np.testing.assert_allclose(weights[:, :5], np.tile(expected, (rows, 1)), rtol=2e-5)


def test_penalties_add_wd_times_weight_and_the_sign_times_l1_except_to_free_rows() -> None:
    optimizer = create(OptimizerSettings("sgd", momentum=0), (10, 2))
    weights = np.where(np.arange(20).reshape(10, 2) % 3 == 0, -2, 3).astype(np.float32)
    before = weights.copy()
    wd, l1 = np.array([0.5, 0], np.float32), np.array([0, 0.25], np.float32)
    rates = Rates(np.ones(2, np.float32))
    optimizer.step(weights, np.zeros_like(weights), rates, Penalty(wd, l1), free=1)
    expected = before - np.stack([0.5 * before[:, 0], 0.25 * np.sign(before[:, 1])], axis=1)
    np.testing.assert_allclose(weights[:-1], expected[:-1], rtol=1e-6)
    np.testing.assert_array_equal(weights[-1], before[-1])


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_a_step_for_some_rows_leaves_the_others_alone(name: str) -> None:
    optimizer, whole = (create(OptimizerSettings(name), (6, 3)) for _ in range(2))
    random = np.random.default_rng(0)
    weights = random.normal(size=(6, 3)).astype(np.float32)
    before, full = weights.copy(), weights.copy()
    gradient = random.normal(size=(6, 3)).astype(np.float32)
    rates, none = Rates(np.full(3, 0.1, np.float32)), Penalty(*np.zeros((2, 3), np.float32))
    rows = np.array([1, 4])
    recalled = optimizer.recall(weights, rates, rows)
    optimizer.step_rows(weights, recalled, gradient[rows].copy(), rates, none)
    whole.step(full, gradient.copy(), rates, none)
    np.testing.assert_allclose(weights[rows], full[rows], rtol=1e-6)
    others = [0, 2, 3, 5]
    np.testing.assert_array_equal(weights[others], before[others])


def _sample(seed: int = 0, rows: int = 300) -> Floats:
    random = np.random.default_rng(seed)
    features = random.normal([5, -3, 0, 1000], [2, 0.1, 1, 30], (rows, 4)).astype(np.float32)
    features[:, 2] = 7
    return features


def test_scaling_standardises_and_folds_back_into_the_weights() -> None:
    features = _sample()
    head = [Batch(features[:100], None), Batch(features[100:], None)]
    scaler = learn_scaler(head, points=1000, centre=True, divide=True)
    assert scaler is not None
    scaled = np.asarray(scaler.apply(features))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0)[[0, 1, 3]], 1, rtol=1e-4)
    assert scaler.deviation[2] == 1, "a constant feature keeps its unit"
    weights, bias = np.ones((4, 2), np.float32), np.array([1, 2], np.float32)
    raw_weights, raw_bias = scaler.fold(weights, bias)
    np.testing.assert_allclose(features @ raw_weights + raw_bias, scaled @ weights + bias, atol=2e-3)


@given(
    cuts=st.sets(st.integers(1, 39)),
    offset=st.sampled_from([0.0, 1.0, -3e3, 1e6]),
    together=st.sampled_from([1, 40, 2**16]),
    ordered=st.booleans(),
)
def test_moments_are_right_however_the_rows_come(
    cuts: set[int], offset: float, together: int, ordered: bool
) -> None:
    rows = (np.random.default_rng(3).normal(size=(40, 5)) + offset).astype(np.float32)
    if ordered:
        rows.sort(axis=0)
    rows[:, 1] = offset
    rows[0, 2] = 1e20  # an outlier where the distances are taken from
    edges = [0, *sorted(cuts), 40]
    head = [Batch(rows[low:high], None) for low, high in pairwise(edges)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scaling, "_TOGETHER", together)
        scaler = learn_scaler(head, points=40, centre=True, divide=True)
    assert scaler is not None
    deviation = rows.astype(np.float64).std(axis=0)
    deviation[1] = 1  # a constant keeps its unit
    np.testing.assert_allclose(scaler.mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(scaler.deviation, deviation, rtol=1e-9)


def test_the_scaler_looks_at_no_more_rows_than_it_was_told_to() -> None:
    features = np.concatenate([np.zeros((50, 1)), np.full((50, 1), 9.0)]).astype(np.float32)
    head = [Batch(features[:70], None), Batch(features[70:], None)]
    few = learn_scaler(head, points=50, centre=True, divide=True)
    all_rows = learn_scaler(head, points=100, centre=True, divide=True)
    assert few is not None
    assert all_rows is not None
    assert (few.mean[0], all_rows.mean[0]) == (0, 4.5)


def test_sparse_rows_are_divided_as_dense_ones_are_and_never_centred() -> None:
    dense = _sample() * (np.random.default_rng(1).random((300, 4)) < 0.4)
    dense = dense.astype(np.float32)
    wide = learn_scaler([Batch(dense, None)], points=300, centre=True, divide=True)
    thin = learn_scaler([Batch(csr_matrix(dense), None)], points=300, centre=True, divide=True)
    assert wide is not None
    assert thin is not None
    np.testing.assert_allclose(thin.deviation, wide.deviation, rtol=1e-5)
    assert not thin.mean.any()
    scaled = thin.apply(csr_matrix(dense))
    assert scaled.nnz == np.count_nonzero(dense)
    np.testing.assert_allclose(scaled.toarray(), dense / wide.deviation, rtol=1e-5)


def test_a_model_that_diverges_leaves_the_others_bit_for_bit_as_they_were() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 5)).astype(np.float32)
    labels = features @ np.ones(5, np.float32)
    given = {"predictor_type": "regressor", "mini_batch_size": "20", "optimizer": "sgd", "momentum": "0"}
    settings = resolve(SCHEMA.parse(given))
    blocks = []
    for rate in (0.01, 1e30):
        models = [Variant(0.01, 0.0, 0.0, 1.0), Variant(rate, 0.0, 0.0, 1.0)]
        block = LockStep(settings, models, 5, settings.loss(), LabelScaler(), ExampleWeights(), seed=3)
        for _ in range(3):
            block.epoch(MiniBatches(Rows(features, labels), 20, seed=1).epoch())
        blocks.append(block)
    sound, disturbed = blocks
    assert sound.alive.all()
    assert disturbed.alive.tolist() == [True, False]
    np.testing.assert_array_equal(disturbed.weights[:, 0], sound.weights[:, 0])
    assert not disturbed.weights[:, 1].any()


@pytest.mark.parametrize("rows", [19, 20, 24, 200])
@pytest.mark.parametrize(
    "given",
    [
        {"predictor_type": "binary_classifier", "positive_example_weight_mult": "3", "wd": "0.1"},
        {"predictor_type": "multiclass_classifier", "num_classes": "3", "bias_wd_mult": "2", "wd": "0.1"},
    ],
    ids=["binary", "multiclass"],
)
def test_a_mini_batch_done_in_parts_is_the_mini_batch(
    given: dict[str, str], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 5)).astype(np.float32)
    labels = (features @ np.ones(5, np.float32) > 0).astype(np.float32)
    settings = resolve(SCHEMA.parse(given))
    models = [Variant(0.01, 0.0, 0.1, 1.0), Variant(0.02, 0.0, 0.0, 1.0)]

    def trained() -> tuple[Floats, npt.NDArray[np.float64]]:
        weights = learn_example_weights(settings, models, [Batch(features, labels)], MetricLog(StringIO()))
        block = LockStep(settings, models, 5, settings.loss(), LabelScaler(), weights, seed=3)
        losses, count = block.epoch(MiniBatches(Rows(features, labels), rows, seed=1).epoch())
        assert count == 200
        return np.vstack([block.weights, block.bias]), losses

    whole, losses = trained()
    monkeypatch.setattr(lockstep, "_TWICE_READ", 4 * 6 * 8)
    monkeypatch.setattr(lockstep, "_ROWS_A_COLUMN", 1)
    in_parts, losses_in_parts = trained()
    np.testing.assert_allclose(in_parts, whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(losses_in_parts, losses, rtol=1e-5)


def test_nothing_is_scaled_when_nothing_is_asked_for() -> None:
    assert learn_scaler([Batch(_sample(), None)], points=9, centre=False, divide=False) is None


def test_label_scaling_folds_back_into_the_labels_own_unit() -> None:
    labels = np.array([10, 20, 60], np.float32)
    scaler = learn_label_scaler(
        [Batch(np.zeros((3, 1), np.float32), labels)], points=9, centre=True, divide=True
    )
    weights, bias = scaler.fold(np.ones((1, 1), np.float32), np.zeros(1, np.float32))
    np.testing.assert_allclose(scaler.apply(labels) * weights[0, 0] + bias[0], labels, rtol=1e-5)
    assert LabelScaler().apply(labels) is labels


CRITERIA = {
    "accuracy": lambda actual, predicted: accuracy_score(actual, predicted),
    "f_beta": lambda actual, predicted: f1_score(actual, predicted, zero_division=0),
}


@given(
    st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 1)), min_size=1, max_size=30),
    st.sampled_from(sorted(CRITERIA)),
)
@pytest.mark.slow
def test_no_threshold_beats_the_calibrated_one(rows: list[tuple[int, int]], name: str) -> None:
    scores = np.array([[score / 2] for score, _ in rows], np.float32)
    labels = np.array([label for _, label in rows], np.float32)
    best, thresholds = calibrate(Criterion(name), scores, labels)
    value = CRITERIA[name]
    reached = value(labels, scores[:, 0] >= thresholds[0])
    everywhere = max(value(labels, scores[:, 0] >= cut) for cut in np.arange(-3.25, 4, 0.25))
    assert reached == pytest.approx(best[0]) == pytest.approx(everywhere)


@pytest.mark.slow
def test_targets_are_met_and_the_other_measure_is_best_among_those_that_meet_them() -> None:
    random = np.random.default_rng(3)
    labels = (random.random(400) < 0.3).astype(np.float32)
    scores = (labels + random.normal(0, 0.8, 400)).astype(np.float32)[:, None]
    for name, target, other in (
        ("precision_at_target_recall", recall_score, precision_score),
        ("recall_at_target_precision", precision_score, recall_score),
    ):
        criterion = Criterion(name, target_recall=0.7, target_precision=0.7)
        best, threshold = calibrate(criterion, scores, labels)
        predicted = scores[:, 0] >= threshold[0]
        assert target(labels, predicted) >= 0.7
        assert other(labels, predicted) == pytest.approx(best[0])
        for cut in np.sort(scores[:, 0]):
            if target(labels, scores[:, 0] >= cut) >= 0.7:
                assert other(labels, scores[:, 0] >= cut) <= best[0] + 1e-12


def test_a_gap_between_the_classes_is_cut_in_the_middle() -> None:
    scores = np.array([[0.0], [1.0], [5.0], [6.0]], np.float32)
    best, threshold = calibrate(Criterion("accuracy"), scores, np.array([0, 0, 1, 1], np.float32))
    assert (best[0], threshold[0]) == (1, 3)


def test_one_class_alone_is_calibrated_to_itself() -> None:
    scores = np.array([[0.5], [0.25]], np.float32)
    for label in (0, 1):
        _, threshold = calibrate(Criterion("accuracy"), scores, np.full(2, label, np.float32))
        assert ((scores[:, 0] >= threshold[0]) == label).all()


def test_early_stopping_waits_for_patience_epochs_without_a_relevant_gain() -> None:
    watch = EarlyStopping(patience=2, tolerance=0.1, falling=True)
    assert [watch.stop_after(value) for value in (1.0, 0.8, 0.79, 0.5, 0.49, 0.48)] == [
        False, False, False, False, False, True,
    ]  # fmt: skip
    rising = EarlyStopping(patience=1, tolerance=0.0, falling=False)
    assert [rising.stop_after(value) for value in (0.5, 0.6, 0.6)] == [False, False, True]


def test_binary_metrics_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(5)
    labels, scores = random.integers(0, 2, 200), random.normal(size=200).astype(np.float32)
    metrics = BinaryMetrics(0.2, 1.0)
    for part in (slice(0, 90), slice(90, 200)):
        metrics.add(scores[part, None], labels[part].astype(np.float32))
    predicted = scores >= 0.2
    assert dict(metrics.results()) == pytest.approx(
        {
            "binary_classification_accuracy": accuracy_score(labels, predicted),
            "binary_f_1.000": f1_score(labels, predicted),
            "precision": precision_score(labels, predicted),
            "recall": recall_score(labels, predicted),
        }
    )


def test_multiclass_metrics_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(6)
    labels, scores = random.integers(0, 4, 150), random.normal(size=(150, 5)).astype(np.float32)
    metrics = MulticlassMetrics(5, 2, 1.0)
    metrics.add(scores, labels.astype(np.float32))
    found, predicted = dict(metrics.results()), scores.argmax(axis=1)
    assert found["multiclass_accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert found["macro_f_1.000"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert found["macro_recall"] == pytest.approx(
        recall_score(labels, predicted, average="macro", zero_division=0)
    )
    assert found["macro_precision"] == pytest.approx(precision_score(labels, predicted, average="macro"))
    near = [label in np.argsort(row)[-2:] for label, row in zip(labels, scores, strict=True)]
    assert found["multiclass_top_k_accuracy_2"] == pytest.approx(np.mean(near))


def test_metrics_of_nothing_are_zero_and_not_an_error() -> None:
    metrics = BinaryMetrics(0.0, 1.0)
    metrics.add(np.full((3, 1), -1, np.float32), np.zeros(3, np.float32))
    assert dict(metrics.results())["precision"] == 0
    errors = RegressionMetrics()
    errors.add(np.ones((2, 1), np.float32), np.array([1, 3], np.float32))
    assert errors.results() == [("mse", 2.0), ("absolute_loss", 1.0)]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("window_bytes", [1 << 20, 100])
def test_every_epoch_hands_out_every_row_once(sparse: bool, window_bytes: int) -> None:
    features = np.arange(46, dtype=np.float32).reshape(23, 2) + 1
    labels = features[:, 0].copy()
    channel = Rows(csr_matrix(features) if sparse else features, labels)
    batches = MiniBatches(channel, 4, seed=7, window_bytes=window_bytes)
    orders = []
    for _ in range(3):
        seen = list(batches.epoch())
        rows = np.concatenate([_dense(batch.features) for batch in seen])
        kept = np.concatenate([batch.labels for batch in seen if batch.labels is not None])
        np.testing.assert_array_equal(rows[:, 0], kept)
        assert sorted(kept) == sorted(labels)
        orders.append(kept.tolist())
    assert orders[0] != labels.tolist()
    assert orders[0] != orders[1]
    assert channel.passes == 1, "windows lie in scratch files and stay"


def test_without_a_seed_the_channels_order_is_kept() -> None:
    labels = np.arange(10, dtype=np.float32)
    batches = MiniBatches(Rows(labels[:, None], labels), 3)
    batches.head()
    seen = np.concatenate([batch.labels for batch in batches.epoch() if batch.labels is not None])
    np.testing.assert_array_equal(seen, labels)


def test_an_empty_channel_is_refused() -> None:
    empty = Rows(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), name="validation")
    with pytest.raises(CustomerError, match="validation channel is empty"):
        MiniBatches(empty, 4).head()


def _dense(features: Features) -> Floats:
    return features if isinstance(features, np.ndarray) else np.asarray(features.toarray())


@pytest.mark.parametrize(
    "name", ["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]
)
def test_models_are_compared_on_a_grid_of_thresholds_as_by_all_of_them(name: str) -> None:
    random = np.random.default_rng(0)
    labels = (random.random(20_000) < 0.1).astype(np.float32)
    scores = random.normal(size=(20_000, 5)) - 3 + labels[:, None] * np.array([1, 2, 2.5, 3, 4])
    scores = (scores * np.array([1, 1e-6, 1, 1e6, 1])).astype(np.float32)
    scores[0, 2], scores[1, 4] = 1e30, np.inf  # rows far from all others stretch no grid
    criterion = Criterion(name)
    exact = np.array([calibrate(criterion, scores[:, [model]], labels)[0][0] for model in range(5)])
    found = best_values(criterion, scores, labels)
    assert (found <= exact + 1e-12).all()
    np.testing.assert_allclose(found, exact, atol=0.003)
    few = best_values(criterion, scores[:1000], labels[:1000])
    sorted_few = [calibrate(criterion, scores[:1000, [m]], labels[:1000])[0][0] for m in range(5)]
    np.testing.assert_array_equal(few, sorted_few)


@pytest.mark.parametrize("size", [1e-5, 1e4])
def test_the_grid_of_thresholds_is_that_of_all_rows_where_the_first_are_of_another_size(size: float) -> None:
    random = np.random.default_rng(0)
    labels = (random.random(20_000) < 0.3).astype(np.float32)
    scores = (2 * labels - 1 + random.normal(size=20_000)).astype(np.float32)[:, None]
    scores[:1024] *= size
    criterion = Criterion("recall_at_target_precision")
    exact = calibrate(criterion, scores, labels)[0]
    np.testing.assert_allclose(best_values(criterion, scores, labels), exact, atol=0.003)


@pytest.mark.parametrize("shape", [(1,), (3, 5), (785, 32)])
def test_aligned_zeros_begin_a_cache_line(shape: tuple[int, ...]) -> None:
    arrays = [zeros(shape) for _ in range(5)]
    assert all(array.ctypes.data % 64 == 0 for array in arrays)
    assert all(array.shape == shape and array.dtype == np.float32 for array in arrays)
    assert not any(array.any() for array in arrays)
    assert all(array.flags.c_contiguous and array.flags.writeable for array in arrays)


@pytest.mark.parametrize("most", [1, 20, 80, 1e3])
def test_the_logistic_loss_is_right_for_rows_that_are_confidently_wrong(most: float) -> None:
    random = np.random.default_rng(3)
    scores = random.uniform(-most, most, (200, 4)).astype(np.float32)
    labels = random.integers(0, 2, 200).astype(np.float32)
    against = scores.astype(np.float64) * (1 - 2 * labels[:, None])
    np.testing.assert_allclose(
        cross_entropy(scores, labels[:, None]), np.logaddexp(0, against), rtol=1e-6, atol=1e-6
    )
    gradient = np.empty_like(scores)
    found = binary_loss("logistic", margin=1).evaluate(scores.copy(), labels, gradient)
    counted = np.maximum(scores.astype(np.float64), -87) * (1 - 2 * labels[:, None])
    np.testing.assert_allclose(found, np.logaddexp(0, counted), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(gradient, expit(scores.astype(np.float64)) - labels[:, None], atol=2e-7)
