"""linear-learner on sparse rows: what is missed is made up for, and what never occurs costs nothing."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_matrix

from algorithms.array_channel import ArrayChannel
from algorithms.base import Features
from algorithms.linear_learner import ALGORITHM
from algorithms.linear_learner.absence import Powers
from algorithms.linear_learner.columns import Columns
from algorithms.linear_learner.initial import InitialWeights
from algorithms.linear_learner.model import LinearModel
from algorithms.linear_learner.optimizers import OptimizerSettings, create
from algorithms.linear_learner.rates import GROUP, Penalty, Rates
from algorithms.linear_learner.settings import Initial
from algorithms.logs import MetricLog
from algorithms.touched import Touched, scatter

pytestmark = pytest.mark.slow

Floats = npt.NDArray[np.float32]


def train(given: dict[str, object], **channels: tuple[Features, Floats]) -> LinearModel:
    """Train on arrays by the names of their channels."""
    values = ALGORITHM.hyperparameters.parse({name: str(value) for name, value in given.items()})
    model = ALGORITHM.train(
        values, {name: ArrayChannel(*data, name) for name, data in channels.items()}, MetricLog(StringIO())
    )
    assert isinstance(model, LinearModel)
    return model


def words(rows: int, width: int, seed: int = 0) -> tuple[csr_matrix, Floats]:
    """Rows like texts: eight of `width` columns each, some far oftener than others."""
    random = np.random.default_rng(seed)
    columns = (width * random.random((rows, 8)) ** 3).astype(np.int64)
    values = random.random((rows, 8), dtype=np.float32) + np.float32(0.5)
    indptr = np.arange(0, 8 * rows + 1, 8)
    features = csr_matrix((values.ravel(), columns.ravel(), indptr), shape=(rows, width))
    features.sum_duplicates()
    weights = random.normal(size=width)
    return features, (features @ weights > 0).astype(np.float32)


GIVEN: dict[str, object] = {
    "predictor_type": "binary_classifier", "mini_batch_size": 10, "epochs": 3, "num_models": 3,
    "normalize_data": "false", "unbias_data": "false", "wd": 0, "l1": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "optimizer",
    [{"optimizer": "adam"}, {"optimizer": "adam", "beta_1": 0.6, "beta_2": 0.95}, {"optimizer": "rmsprop"},
     {"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.98}, {"optimizer": "sgd", "momentum": 0},
     {"optimizer": "sgd", "wd": 0.001, "momentum": 0, "learning_rate": 0.01},
     {"optimizer": "adam", "beta_1": 0.999, "beta_2": 0.9}],
    ids=str,
)  # fmt: skip
def test_sparse_training_ends_where_dense_training_does_although_most_mini_batches_lack_most_columns(
    optimizer: dict[str, object],
) -> None:
    features, labels = words(400, 300)
    kept = np.flatnonzero(features.getnnz(axis=0))
    given = GIVEN | {"learning_rate": 0.03, "lr_scheduler_step": 3, "lr_scheduler_factor": 0.9} | optimizer
    dense = train(given, train=(features.toarray(), labels), validation=(features.toarray(), labels))
    sparse = train(given, train=(features, labels), validation=(features, labels))
    np.testing.assert_allclose(sparse.weights[kept], dense.weights[kept], atol=1e-3)
    np.testing.assert_allclose(sparse.bias, dense.bias, atol=1e-3)
    assert sparse.threshold == pytest.approx(dense.threshold, abs=2e-3)


def test_a_rare_feature_pays_the_penalties_of_the_mini_batches_it_was_absent_from() -> None:
    """To first order: wd 0.01 over 20 steps of rate 0.1 takes 2 % of a weight."""
    rates, penalty = Rates(np.full(2, 0.1, np.float32)), Penalty(
        np.array([0.01, 0], np.float32), np.array([0, 0.01], np.float32)
    )  # fmt: skip
    weights = np.ones((2 * GROUP, 2), np.float32)
    optimizer = create(OptimizerSettings("sgd", momentum=0), weights.shape)
    for step in range(20):
        rows = np.array([0, 1] if step == 19 else [0])
        recalled = optimizer.recall(weights, rates, rows)
        gradient = np.zeros((len(rows), 2), np.float32)
        optimizer.step_rows(weights, recalled, gradient, rates, penalty)
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-3)
    assert weights[1, 0] == pytest.approx(0.98, abs=1e-3)
    np.testing.assert_array_equal(weights[2:], 1)


@pytest.mark.parametrize(
    "penalty",
    [{"wd": 0.1}, {"l1": 0.01}, {"wd": 0.05, "l1": 0.003}, {"wd": 0.1, "momentum": 0},
     {"l1": 0.005, "learning_rate": 0.03, "momentum": 0.9}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("schedule", [{"use_lr_scheduler": "false"}, {"lr_scheduler_step": 40}], ids=str)
def test_strong_penalties_of_rare_features_take_sgd_where_they_take_it_on_dense_rows(
    penalty: dict[str, object], schedule: dict[str, object]
) -> None:
    """What a weight is to be pulled in hundreds of mini-batches is several times what it is away from 0."""
    features, labels = words(600, 400)
    given = GIVEN | {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.5, "epochs": 2}
    given |= {"mini_batch_size": 2, "num_models": 1} | penalty | schedule
    dense = train(given, train=(features.toarray(), labels))
    sparse = train(given, train=(features, labels))
    kept = np.flatnonzero(features.getnnz(axis=0))
    np.testing.assert_allclose(sparse.weights[kept], dense.weights[kept], atol=0.04)


def test_penalties_of_missed_steps_shrink_weights_by_each_models_own_rate_and_never_across_0() -> None:
    """Of momentum 0.9 a step goes ten times as far in the end: rate 0.1 and 0.2, 300 steps in two paces."""
    rates = Rates(np.array([0.1, 0.2, 0.1, 0.1], np.float32))
    wd, l1 = np.array([1e-3, 1e-3, 0, 0.1], np.float32), np.array([0, 0, 1e-3, 0.1], np.float32)
    weights = np.repeat(np.array([[1], [1], [-1], [0]], np.float32), GROUP, axis=0).repeat(4, axis=1)
    optimizer, penalty = create(OptimizerSettings("sgd", momentum=0.9), weights.shape), Penalty(wd, l1)
    for step in range(300):
        rates.multiplier = 1.0 if step < 200 else 0.5
        recalled = optimizer.recall(weights, rates, np.array([0]))
        optimizer.step_rows(weights, recalled, np.zeros((1, 4), np.float32), rates, penalty)
    optimizer.settle(weights, rates)
    expected = np.array([np.exp(-0.25), np.exp(-0.5), 0.75, 0])
    np.testing.assert_allclose(weights[GROUP], expected, rtol=1e-4)
    np.testing.assert_allclose(weights[2 * GROUP], -expected, rtol=1e-4)
    assert not weights[3 * GROUP :].any()
    settled = weights.copy()
    optimizer.settle(weights, rates)
    np.testing.assert_array_equal(weights, settled)


def test_steps_of_all_rows_between_steps_of_some_make_up_for_what_these_left_out() -> None:
    """One row in six has half of the columns: mini-batches with it update all, the others what they touch."""
    features, labels = words(600, 300)
    dense_rows = features.toarray()
    random = np.random.default_rng(5)
    dense_rows[::6, 50:200] = random.random((100, 150), dtype=np.float32)
    given = GIVEN | {"mini_batch_size": 4, "learning_rate": 0.01, "epochs": 2}
    for optimizer in ({"optimizer": "adam"}, {"optimizer": "sgd", "momentum": 0.9}):
        dense = train(given | optimizer, train=(dense_rows, labels))
        sparse = train(given | optimizer, train=(csr_matrix(dense_rows), labels))
        occurs = dense_rows.any(axis=0)
        np.testing.assert_allclose(sparse.weights[occurs], dense.weights[occurs], atol=2e-3)


def test_a_step_of_all_rows_collects_the_penalties_that_some_owe() -> None:
    rates, wd = Rates(np.full(2, 0.1, np.float32)), np.array([0.01, 0], np.float32)
    penalty = Penalty(wd, np.array([0, 0.01], np.float32))
    weights = np.ones((2 * GROUP, 2), np.float32)
    optimizer = create(OptimizerSettings("sgd", momentum=0), weights.shape)
    for _ in range(19):
        recalled = optimizer.recall(weights, rates, np.array([0]))
        optimizer.step_rows(weights, recalled, np.zeros((1, 2), np.float32), rates, penalty)
    for _ in range(2):
        optimizer.settle(weights, rates)
        optimizer.step(weights, np.zeros_like(weights), rates, penalty)
    np.testing.assert_allclose(weights[1:], weights[:1].repeat(2 * GROUP - 1, axis=0), rtol=1e-3)
    assert weights[1, 0] == pytest.approx(0.979, abs=1e-3)


def test_a_step_of_some_rows_spares_the_free_ones_penalties() -> None:
    rates, penalty = Rates(np.ones(2, np.float32)), Penalty(*np.full((2, 2), 0.1, np.float32))
    weights = np.ones((GROUP, 2), np.float32)
    optimizer = create(OptimizerSettings("sgd", momentum=0), weights.shape)
    recalled = optimizer.recall(weights, rates, np.arange(GROUP))
    optimizer.step_rows(weights, recalled, np.zeros_like(weights), rates, penalty, free=2)
    np.testing.assert_allclose(weights[:-2], 0.8, rtol=1e-6)
    np.testing.assert_array_equal(weights[-2:], 1)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_powers_are_those_of_the_decay_however_many_steps_were_missed(decay: float) -> None:
    powers = Powers(decay)
    for most in (1, 5, 300, 2000):
        steps = np.array([0, 1, most // 2, most])
        np.testing.assert_allclose(powers.of(steps, most), decay**steps, rtol=1e-5, atol=1e-29)


def test_rows_are_put_where_they_belong() -> None:
    table = np.arange(30, dtype=np.float32).reshape(10, 3)
    expected, rows = table.copy(), np.array([7, 0, 9])
    expected[rows] = -1
    scatter(table, rows, np.full((3, 3), -1, np.float32))
    np.testing.assert_array_equal(table, expected)


def test_rows_without_any_non_zero_train_the_bias() -> None:
    labels = (np.arange(400) % 4 == 0).astype(np.float32)
    model = train(GIVEN | {"learning_rate": 0.05}, train=(csr_matrix((400, 50), dtype=np.float32), labels))
    assert not model.weights.any()
    assert model.bias[0] < -0.5


def test_a_column_that_never_occurs_has_weight_0_and_new_ones_may_occur_in_any_window() -> None:
    features, labels = words(400, 300)
    features.data[features.indices == 7] = 0
    features.eliminate_zeros()
    model = train(GIVEN | {"epochs": 1}, train=(features, labels))
    occurs = features.getnnz(axis=0) > 0
    assert not model.weights[~occurs].any()
    assert model.weights[occurs].all()


def test_validation_and_test_rows_may_hold_columns_that_training_has_not_seen() -> None:
    features, labels = words(400, 300)
    others, their_labels = words(100, 300, seed=1)
    unseen = np.setdiff1d(others.indices, features.indices)
    assert len(unseen)
    model = train(
        GIVEN, train=(features, labels), validation=(others, their_labels), test=(others, labels[:100])
    )
    without = others.copy()
    without.data[np.isin(others.indices, unseen)] = 0
    np.testing.assert_allclose(model.scores(others), model.scores(without), atol=1e-6)


def test_columns_get_places_in_the_order_of_their_occurrence() -> None:
    columns = Columns(100)
    first = csr_matrix(([1.0, 2.0], [90, 5], [0, 2]), shape=(1, 100), dtype=np.float32)
    second = csr_matrix(([3.0, 4.0], [5, 7], [0, 2]), shape=(1, 100), dtype=np.float32)
    columns.learn(first)
    learned = columns.learn(second)
    assert columns.occurred.tolist() == [5, 90, 7]
    np.testing.assert_array_equal(learned.toarray(), [[3, 0, 4]])
    third = csr_matrix(([8.0, 9.0], [6, 90], [0, 2]), shape=(1, 100), dtype=np.float32)
    known = columns.known(third)
    assert not isinstance(known, np.ndarray)
    np.testing.assert_array_equal(known.toarray(), [[0, 9, 0]])
    np.testing.assert_array_equal(columns.known(third.toarray()), [[0, 9, 0]])


@pytest.mark.parametrize("method", ["uniform", "normal"])
def test_a_rows_initial_weights_are_the_same_whether_all_rows_are_drawn_or_a_few(method: str) -> None:
    initial = InitialWeights(Initial(method, 0.07, 0.01, 0.0), (300_000, 5), seed=2)
    whole, few = np.empty((300_000, 5), np.float32), np.empty((4, 5), np.float32)
    initial.fill(whole)
    rows = np.array([299_999, 3, 0, 210_000])
    initial.pick(rows, few)
    np.testing.assert_array_equal(few, whole[rows])


def test_the_columns_of_a_mini_batch_are_found_each_once() -> None:
    features, _ = words(20, 50)
    touched, compact = Touched().of(features)
    assert sorted(touched) == np.unique(features.indices).tolist()
    np.testing.assert_array_equal(compact.toarray(), features.toarray()[:, touched])
    again, filled = Touched().of(features, more=1, group=8)
    assert again.tolist() == touched.tolist()
    assert filled.shape[1] == -(-(len(touched) + 1) // 8) * 8
    assert not filled.toarray()[:, len(touched) :].any()


MEMORY = """
from pathlib import Path
import numpy as np
from scipy.sparse import csr_matrix
import sys
sys.path.insert(0, {tests!r})
from test_linear_learner_sparse import train
width, rows = int(sys.argv[1]), 4000
random = np.random.default_rng(0)
columns = random.integers(0, 2000, (rows, 5)) * (width // 2000)
features = csr_matrix((np.ones(rows * 5, np.float32), columns.ravel(), np.arange(0, rows * 5 + 1, 5)),
                      shape=(rows, width))
labels = (columns < width // 2).sum(axis=1) > 2
def memory(name):
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
before = memory("VmRSS")
train({{"predictor_type": "binary_classifier", "mini_batch_size": 200, "epochs": 2}},
      train=(features, labels.astype(np.float32)))
print((memory("VmHWM") - before) * 1024)
"""


@pytest.mark.slow
def test_32_models_over_a_million_columns_take_memory_for_the_2000_that_occur() -> None:
    """What is left a column: means, deviations, counts, the model's own weight. Dense tables: 512 bytes."""
    script = MEMORY.format(tests=str(Path(__file__).parent))
    narrow, wide = (
        int(
            subprocess.run([sys.executable, "-c", script, str(width)], check=True, capture_output=True).stdout
        )
        for width in (2000, 1_000_000)
    )
    assert narrow > 2000 * 4 * 32, "the measure sees the tables of what occurs"
    assert (wide - narrow) / 1_000_000 < 100


"""Adam's and the kept best's tables for 32 models are 4 × 128 bytes a column where they are dense."""
