"""A peer in a process of its own: the same work again at every call, and a reason once it is gone."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.environments import PeerMissingError
from benchmarks.peer_process import peer_process
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
def test_a_peer_that_breaks_is_missing_with_what_it_said_last(arrays: Path) -> None:
    with ExitStack() as stack:
        entry = Entry(SGD, arrays / "nowhere", stack)
        entry()
        peer = entry.result(lambda _: 1.0)
    assert peer.median_s is None
    assert "exit code 1: FileNotFoundError" in str(peer.missing)


def test_a_module_that_does_not_exist_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(PeerMissingError, match=r"No module named benchmarks\.peers\.nobody"),
        peer_process(Path(sys.executable), "nobody", (), tmp_path),
    ):
        pass
