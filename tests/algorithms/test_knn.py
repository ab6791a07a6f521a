"""knn finds what a plain computation finds, for every index, metric and reduction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from algorithms.array_channel import ArrayChannel
from algorithms.base import Model
from algorithms.errors import CustomerError
from algorithms.knn import ALGORITHM
from algorithms.knn.reservoir import Reservoir
from algorithms.logs import MetricLog
from algorithms.scores import macro_f1

RANDOM = np.random.default_rng(7)
CENTRES = RANDOM.normal(size=(3, 12)).astype(np.float32) * 4
LABELS = RANDOM.integers(0, 3, size=600).astype(np.float32)
ROWS = (CENTRES[LABELS.astype(int)] + RANDOM.normal(size=(600, 12))).astype(np.float32)
QUERIES = ROWS[:50] + np.float32(0.01)


def fit(features: Any = ROWS, labels: np.ndarray = LABELS, **given: str) -> Model:
    defaults = {"k": "5", "predictor_type": "classifier", "sample_size": str(len(labels))}
    values = ALGORITHM.hyperparameters.parse({"feature_dim": str(features.shape[1]), **defaults, **given})
    return ALGORITHM.train(values, {"train": ArrayChannel(features, labels)}, MetricLog())


def reloaded(model: Model, folder: Path) -> Model:
    model.save(folder / "model_algo-1")
    return ALGORITHM.load(folder / "model_algo-1")


@pytest.mark.parametrize(("metric", "plain"), [("L2", "sqeuclidean"), ("COSINE", "cosine")])
def test_a_flat_index_finds_the_exact_neighbours(metric: str, plain: str) -> None:
    answer = fit(index_metric=metric).predict(QUERIES, verbose=True)
    search = NearestNeighbors(n_neighbors=5, metric=plain, algorithm="brute").fit(ROWS)
    distances, ids = search.kneighbors(QUERIES)
    np.testing.assert_array_equal(answer["labels"], LABELS[ids])
    np.testing.assert_allclose(answer["distances"], distances, atol=1e-3)


def test_inner_products_are_answered_as_ascending_distances() -> None:
    distances = fit(index_metric="INNER_PRODUCT").predict(QUERIES, verbose=True)["distances"]
    np.testing.assert_allclose(distances, np.sort(-(QUERIES @ ROWS.T), axis=1)[:, :5], rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"index_metric": "COSINE"},
        {"index_metric": "INNER_PRODUCT"},
        {"index_type": "faiss.IVFFlat"},
        {"index_type": "faiss.IVFFlat", "index_metric": "COSINE", "faiss_index_ivf_nlists": "7"},
        {"index_type": "faiss.IVFPQ"},
        pytest.param({"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "8"}, marks=pytest.mark.slow),
        {"dimension_reduction_type": "sign", "dimension_reduction_target": "6"},
        {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "6"},
        pytest.param(
            {
                "index_type": "faiss.IVFPQ",
                "faiss_index_pq_m": "8",
                "dimension_reduction_type": "sign",
                "dimension_reduction_target": "5",
            },
            marks=pytest.mark.slow,
        ),
    ],
)
def test_every_index_and_reduction_separates_the_classes_and_survives_its_file(
    settings: dict[str, str], tmp_path: Path
) -> None:
    model = fit(**settings)
    answer = model.predict(QUERIES, verbose=True)
    # Inner products favour long rows, random projections to half the dimensions blur: neither is exact.
    assert np.mean(answer["predicted_label"] == LABELS[:50]) >= 0.8
    again = reloaded(model, tmp_path).predict(QUERIES, verbose=True)
    for name in ("predicted_label", "distances", "labels"):
        np.testing.assert_array_equal(again[name], answer[name])
        assert np.all(np.diff(answer["distances"], axis=1) >= 0)


def test_sparse_rows_answer_as_dense_ones() -> None:
    model = fit(csr_matrix(ROWS))
    np.testing.assert_array_equal(
        model.predict(csr_matrix(QUERIES))["predicted_label"], fit().predict(QUERIES)["predicted_label"]
    )


def test_equal_votes_go_to_the_nearest() -> None:
    rows = np.array([[0], [1], [2], [3]], dtype=np.float32)
    model = fit(rows, np.array([7, 3, 3, 7], dtype=np.float32), k="4")
    predicted = model.predict(np.array([[0.1], [1.4], [2.9]], dtype=np.float32))["predicted_label"]
    assert predicted.tolist() == [7.0, 3.0, 7.0]


def test_the_majority_wins_over_the_nearest() -> None:
    rows = np.array([[0], [1], [2]], dtype=np.float32)
    model = fit(rows, np.array([7, 3, 3], dtype=np.float32), k="3")
    assert model.predict(rows)["predicted_label"].tolist() == [3.0, 3.0, 3.0]


def test_a_regressor_answers_the_mean() -> None:
    rows = np.array([[0], [1], [10]], dtype=np.float32)
    model = fit(rows, np.array([1.5, 2.5, 100], dtype=np.float32), k="2", predictor_type="regressor")
    assert model.predict(np.array([[0.2]], dtype=np.float32))["predicted_label"].tolist() == [2.0]


def test_a_tenth_of_the_lists_with_too_few_rows_is_widened() -> None:
    model = fit(index_type="faiss.IVFFlat", faiss_index_ivf_nlists="100", k="50")
    assert np.isfinite(model.predict(QUERIES, verbose=True)["labels"]).all()


def test_the_same_job_gives_the_same_model(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        fit(sample_size="100").save(tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_sampled_rows_keep_their_labels() -> None:
    reservoir = Reservoir(50, 12, seed=1)
    for start in range(0, 600, 70):
        reservoir.add(ROWS[start : start + 70], LABELS[start : start + 70])
    features, labels = reservoir.take()
    assert features.shape == (50, 12)
    for row, label in zip(features, labels, strict=True):
        (found,) = np.flatnonzero((row == ROWS).all(axis=1))
        assert LABELS[found] == label


def test_every_row_is_sampled_equally_often() -> None:
    rows = np.arange(40, dtype=np.float32).reshape(-1, 1)
    counts = np.zeros(40)
    for seed in range(2000):
        reservoir = Reservoir(10, 1, seed)
        for start in range(0, 40, 7):
            reservoir.add(rows[start : start + 7], rows[start : start + 7, 0])
        counts[reservoir.take()[1].astype(int)] += 1
    # Each is binomial(2000, 1/4): mean 500, deviation 19.4; five deviations either side.
    assert np.all(np.abs(counts - 500) < 97)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"k": "601"}, "'k' is 601, but must not be above 'sample_size', which is 600"),
        ({"k": "0"}, "'k' is '0', but must be an integer from 1"),
        ({"index_type": "faiss.HNSW"}, "'index_type' is 'faiss.HNSW', but must be one of"),
        (
            {"index_type": "faiss.IVFPQ", "index_metric": "COSINE"},
            "'index_metric' is 'COSINE', but must be 'L2' with",
        ),
        ({"dimension_reduction_type": "sign"}, "'dimension_reduction_target' is required"),
        ({"dimension_reduction_target": "3"}, "'dimension_reduction_type' is not sign or fjlt"),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "12"},
            "must be below 'feature_dim', which is 12",
        ),
        ({"faiss_index_pq_m": "5"}, "'faiss_index_pq_m' is '5', but must be one of '1', '2', '3', '4', '8'"),
        (
            {"index_type": "faiss.IVFFlat", "faiss_index_ivf_nlists": "700"},
            "faiss_index_ivf_nlists is 700, but only 600 rows were sampled",
        ),
        (
            {"index_type": "faiss.IVFPQ", "sample_size": "100"},
            "faiss.IVFPQ needs at least 256 sampled rows, but there are 100",
        ),
        ({"sample_size": "10000", "k": "601"}, "k is 601, but channel 'train' has only 600 records"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(CustomerError) as raised:
        fit(**given)
    assert message in str(raised.value)


@pytest.fixture(scope="module")
def sound_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "model_algo-1"
    fit(ROWS[:30], LABELS[:30], index_type="faiss.IVFFlat").save(path)
    return path.read_bytes()


@given(at=st.integers(0, 10**6), damage=st.binary(min_size=1, max_size=8))
def test_a_damaged_model_is_refused_or_still_sound(
    sound_model: bytes, tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "model_algo-1"
    content = bytearray(sound_model)
    at %= len(content)
    content[at : at + len(damage)] = damage
    path.write_bytes(content)
    try:
        model = ALGORITHM.load(path)
    except CustomerError:
        return
    assert len(model.predict(QUERIES)["predicted_label"]) == 50


def test_a_cut_off_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model_algo-1"
    fit().save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CustomerError, match="model_algo-1 is not a knn model"):
        ALGORITHM.load(path)


def test_macro_f1_is_the_published_one_for_the_published_mistake() -> None:
    iris = load_iris()
    split = train_test_split(iris.data.astype(np.float32), iris.target, shuffle=True, random_state=0)
    train, test, train_labels, test_labels = split
    model = fit(train, train_labels.astype(np.float32), k="1", sample_size="1000")
    predicted = model.predict(test)["predicted_label"]
    assert np.mean(predicted == test_labels) == 0.9736842105263158
    # Published as a float32.
    assert np.float32(macro_f1(test_labels, predicted)) == np.float32(0.97170347)


def test_a_sample_that_memory_cannot_hold_is_refused_before_it_is_made() -> None:
    """A recipe's one-hot rows may be sparse and wide; knn's index is dense."""
    wide = csr_matrix((1000, 2**31 - 1), dtype=np.float32)
    with pytest.raises(
        CustomerError, match=r"takes 1000\.0 GiB, more than half of the .*: lower sample_size"
    ):
        Reservoir(1000, wide.shape[1], seed=0).add(wide[:100], np.zeros(100, np.float32))
