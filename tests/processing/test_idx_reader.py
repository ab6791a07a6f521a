"""MNIST's IDX files, plain and gzipped, and every way in which they can be wrong."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.container import InputError
from processing.readers.idx import PARTS, idx_files, read_idx, read_mnist_idx

Bytes = Callable[..., bytes]
IMAGES = np.arange(12 * 4 * 5, dtype=np.uint8).reshape(12, 4, 5)
LABELS = np.arange(12, dtype=np.uint8) % 10


@pytest.fixture
def files(tmp_path: Path, idx: Bytes) -> dict[str, Path]:
    """Twelve images of 4 x 5 pixels for training, five for testing."""
    contents = {
        "train images": idx(IMAGES),
        "train labels": idx(LABELS),
        "test images": idx(IMAGES[:5]),
        "test labels": idx(LABELS[:5]),
    }
    for part, content in contents.items():
        (tmp_path / PARTS[part]).write_bytes(content)
    return idx_files(tmp_path.iterdir())


def refusal(files: dict[str, Path]) -> str:
    with pytest.raises(InputError) as refused:
        read_mnist_idx(files)
    return str(refused.value)


def test_the_last_sixth_of_train_becomes_validation(files: dict[str, Path]) -> None:
    raw = read_mnist_idx(files)
    assert raw.image_shape == (4, 5)
    assert {name: len(split) for name, split in raw.splits.items()} == {
        "train": 10,
        "validation": 2,
        "test": 5,
    }
    np.testing.assert_array_equal(raw.splits["validation"].labels, [0, 1])
    np.testing.assert_array_equal(raw.splits["validation"].features, IMAGES[10:].reshape(2, 20))


def test_gzipped_files_are_read_too(files: dict[str, Path]) -> None:
    for path in files.values():
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    folder = files["train images"].parent
    assert read_mnist_idx(idx_files(folder.iterdir())).splits["test"].features.shape == (5, 20)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_names_with_a_dot_before_idx_are_read_too(
    files: dict[str, Path], pack: Callable[[bytes], bytes]
) -> None:
    for path in files.values():
        name = path.name.replace("-idx", ".idx") + (".gz" if pack is gzip.compress else "")
        path.with_name(name).write_bytes(pack(path.read_bytes()))
        path.unlink()
    folder = files["train images"].parent
    found = read_mnist_idx(idx_files(folder.iterdir()))
    np.testing.assert_array_equal(found.splits["test"].features, IMAGES[:5].reshape(5, 20))


def test_a_missing_file_is_named(files: dict[str, Path]) -> None:
    del files["test labels"]
    assert "t10k-labels-idx1-ubyte (or with .gz) missing; put all four IDX files there" in refusal(files)


def test_a_bad_magic_is_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(b"\x00\x00\x0d\x03" + bytes(100))
    message = refusal(files)
    assert "train-images-idx3-ubyte" in message
    assert "begins with 00000d03, not with the magic 00000803" in message


def test_labels_in_the_place_of_images_are_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(files["train labels"].read_bytes())
    assert "begins with 00000801" in refusal(files)


def test_a_short_body_is_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(files["train images"].read_bytes()[:-7])
    assert "the header promises (12, 4, 5), 240 bytes, but only 233 follow" in refusal(files)


def test_bytes_after_the_body_are_refused(files: dict[str, Path]) -> None:
    files["test labels"].write_bytes(files["test labels"].read_bytes() + b"x")
    assert "the header promises (5,), 5 bytes, but more follow" in refusal(files)


def test_a_header_that_promises_terabytes_is_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(b"\x00\x00\x08\x03" + b"\xff" * 12)
    assert "(4294967295, 4294967295, 4294967295), which is more than 1073741824 bytes" in refusal(files)


def test_a_cut_header_is_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(b"\x00\x00\x08\x03\x00\x00")
    assert "ends within its header" in refusal(files)


def test_an_empty_file_is_refused(files: dict[str, Path]) -> None:
    files["train labels"].write_bytes(b"")
    assert "begins with nothing" in refusal(files)


def test_mismatched_counts_are_refused(files: dict[str, Path], idx: Bytes) -> None:
    files["train labels"].write_bytes(idx(LABELS[:11]))
    assert "12 images, but train-labels-idx1-ubyte has 11 labels" in refusal(files)


def test_images_of_two_sizes_are_refused(files: dict[str, Path], idx: Bytes) -> None:
    files["test images"].write_bytes(idx(IMAGES[:5, :, :4]))
    assert "images of 4 x 4 pixels, but train-images-idx3-ubyte has 4 x 5" in refusal(files)


def test_images_without_pixels_are_refused(files: dict[str, Path], idx: Bytes) -> None:
    files["train images"].write_bytes(idx(IMAGES[:, :0]))
    assert "images of 0 x 5 pixels" in refusal(files)


def test_a_label_out_of_range_is_named(files: dict[str, Path], idx: Bytes) -> None:
    files["train labels"].write_bytes(idx(np.where(np.arange(12) == 3, 77, LABELS).astype(np.uint8)))
    assert "row 4: the label 77 is not one of 0 to 9" in refusal(files)


def test_a_truncated_gzip_is_refused(files: dict[str, Path]) -> None:
    files["train images"].write_bytes(gzip.compress(files["train images"].read_bytes())[:-9])
    assert "the gzip file is truncated" in refusal(files)


@given(
    content=st.binary(max_size=40) | st.binary(max_size=40).map(lambda body: b"\x00\x00\x08\x03" + body),
    dimensions=st.sampled_from([1, 3]),
    zipped=st.booleans(),
)
def test_any_bytes_are_an_array_or_refused(content: bytes, dimensions: int, zipped: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(gzip.compress(content)[:-1] if zipped and len(content) % 2 else content)
        try:
            array = read_idx(path, dimensions)
        except InputError:
            return
        assert array.ndim == dimensions
        assert array.size == len(content) - 4 * (1 + dimensions)
