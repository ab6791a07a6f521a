"""Model files are read without trust."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from algorithms.errors import CustomerError
from algorithms.model_file import read_model, write_model


def test_settings_and_arrays_come_back(tmp_path: Path) -> None:
    write_model(tmp_path / "m", "knn", {"k": 3, "f": 0.1}, {"rows": np.eye(2, dtype=np.float32)})
    settings, arrays = read_model(tmp_path / "m", "knn")
    assert settings == {"algorithm": "knn", "k": 3, "f": 0.1}
    np.testing.assert_array_equal(arrays["rows"], np.eye(2, dtype=np.float32))


def test_another_algorithms_model_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m", "knn", {}, {})
    with pytest.raises(CustomerError, match="m is not a linear-learner model: it says that it is 'knn'"):
        read_model(tmp_path / "m", "linear-learner")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="there is no model at"):
        read_model(tmp_path / "m", "knn")


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
def test_anything_else_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(CustomerError, match="m is not a knn model"):
        read_model(tmp_path / "m", "knn")


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "m.npz", rows=np.zeros(1_000_000))
    with pytest.raises(CustomerError, match=r"'rows\.npy' is compressed"):
        read_model(tmp_path / "m.npz", "knn")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    member = io.BytesIO()
    np.save(member, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("settings.npy", member.getvalue())
    with pytest.raises(CustomerError, match="allow_pickle=False"):
        read_model(tmp_path / "m", "knn")
