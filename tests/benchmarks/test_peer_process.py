"""A peer in a process of its own: the same work again at every call, and a reason once it is gone."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.environments import PeerMissingError
from benchmarks.peer_process import peer_process
from benchmarks.timing import in_turns
from benchmarks.training_peers import Contestant, Entry

SGD = Contestant("SGDClassifier", "scikit_learn_training", ("sgd",))


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arrays")
    features, labels = load_digits(return_X_y=True)
    for name, rows in (("train", slice(0, 1500)), ("test", slice(1500, None))):
        np.save(folder / f"{name}_features.npy", features[rows].astype(np.float32))
        np.save(folder / f"{name}_labels.npy", labels[rows].astype(np.float32))
    return folder


@pytest.mark.slow
def test_a_peer_trains_at_every_turn_and_its_labels_are_scored_as_ours(arrays: Path) -> None:
    truth = np.load(arrays / "test_labels.npy") == 0
    with ExitStack() as stack:
        entry = Entry(SGD, arrays, stack)
        entry()
        entry()
        peer = entry.result(lambda found: float((found == truth).mean()))
    assert peer.missing is None
    assert peer.median_s is not None
    assert peer.median_s > 0
    assert peer.quality is not None
    assert peer.quality > 0.97


@pytest.mark.slow
def test_a_peer_that_cannot_load_is_missing_with_what_it_said_last(arrays: Path) -> None:
    with ExitStack() as stack:
        entry = Entry(SGD, arrays / "nowhere", stack)
        entry()
        peer = entry.result(lambda _: 1.0)
    assert peer.median_s is None
    assert "exit code 1: FileNotFoundError" in str(peer.missing)


@pytest.mark.slow
def test_a_peer_that_breaks_at_its_turn_is_missing_and_ours_goes_on(arrays: Path, tmp_path: Path) -> None:
    for path in arrays.glob("*_*.npy"):
        shutil.copy(path, tmp_path)
    labels = np.load(arrays / "train_labels.npy")
    np.save(tmp_path / "train_labels.npy", np.ones_like(labels))  # no image of 0: nothing to tell apart
    with ExitStack() as stack:
        entry = Entry(SGD, tmp_path, stack)
        timed = in_turns({"ours": lambda: 0.9, "peer": entry}, runs=1)
        peer = entry.result(lambda _: 1.0)
    assert timed["ours"].returned == 0.9
    assert peer.median_s is None
    assert "exit code 1: ValueError: The number of classes" in str(peer.missing)


def test_a_module_that_does_not_exist_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(PeerMissingError, match=r"No module named benchmarks\.peers\.nobody"),
        peer_process(Path(sys.executable), "nobody", (), tmp_path),
    ):
        pass
