"""MNIST's IDX files, gzipped or plain.

Source of the format: Yann LeCun's MNIST page. Two zero bytes, a type byte (0x08: unsigned byte), the number
of dimensions, each dimension as a big-endian uint32, then the values in row-major order: 3 dimensions
(images, rows, columns) for images, one for labels.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt

from processing.container import InputError
from processing.readers import RawImages
from processing.splits import Split, check_labels, hold_out_last_sixth

CLASSES = 10
BODY_LIMIT = 1024**3
CURE = "take the file from its publisher again"
PARTS = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}


def idx_files(files: Iterable[Path]) -> dict[str, Path]:
    """Which of `files` is which part of MNIST, by its published name, with or without `.gz`.

    `train-images.idx3-ubyte` is the same name: some unpackers, and mirrors after them, put the dot there.
    """
    names = {path.name.removesuffix(".gz").replace(".idx", "-idx"): path for path in files}
    return {part: names[name] for part, name in PARTS.items() if name in names}


def read_mnist_idx(parts: dict[str, Path]) -> RawImages:
    """Return the images and labels of the four files in `parts` (keys as in PARTS); pixels stay uint8.

    The files have no validation split: the last sixth of train becomes one. Raises InputError.
    """
    missing = [name for part, name in PARTS.items() if part not in parts]
    if missing:
        folder = next(iter(parts.values())).parent
        raise InputError(
            f"{folder}: {', '.join(missing)} (or with .gz) missing; put all four IDX files there"
        )
    train, train_shape = _split(parts, "train")
    test, test_shape = _split(parts, "test")
    if train_shape != test_shape:
        raise InputError(
            f"{parts['test images']}: images of {test_shape[0]} x {test_shape[1]} pixels, but "
            f"{parts['train images'].name} has {train_shape[0]} x {train_shape[1]}; use files of one data set"
        )
    return RawImages(hold_out_last_sixth(train, test), train_shape, list(parts.values()), "mnist-idx")


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the unsigned bytes of one IDX file, in its `dimensions`; InputError for any other content."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return _parse(
                cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if zipped else file, path, dimensions
            )
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; put it there") from error
    except EOFError as error:
        raise InputError(f"{path}: the gzip file is truncated: its end is missing; {CURE}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged: {error}; {CURE}") from error


def _parse(stream: IO[bytes], path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    magic = stream.read(4)
    wanted = bytes([0, 0, 8, dimensions])
    if magic != wanted:
        raise InputError(
            f"{path}: the file begins with {magic.hex() or 'nothing'}, not with the magic {wanted.hex()} "
            f"of an IDX file of {dimensions} dimension(s) of unsigned bytes; {CURE}"
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise InputError(f"{path}: the file ends within its header; {CURE}")
    shape = tuple(int.from_bytes(header[at : at + 4], "big") for at in range(0, len(header), 4))
    size = math.prod(shape)
    if size > BODY_LIMIT:
        raise InputError(
            f"{path}: the header promises {shape}, which is more than {BODY_LIMIT} bytes; {CURE}"
        )
    body = stream.read(size + 1)
    if len(body) != size:
        seen = f"only {len(body)}" if len(body) < size else "more"
        raise InputError(f"{path}: the header promises {shape}, {size} bytes, but {seen} follow; {CURE}")
    return np.frombuffer(body, dtype=np.uint8).reshape(shape)


def _split(parts: dict[str, Path], name: str) -> tuple[Split, tuple[int, int]]:
    images_path, labels_path = parts[f"{name} images"], parts[f"{name} labels"]
    images = read_idx(images_path, 3)
    labels = read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise InputError(
            f"{images_path}: {len(images)} images, but {labels_path.name} has {len(labels)} labels; "
            "use files of one data set"
        )
    height, width = images.shape[1:]
    if height * width == 0:
        raise InputError(f"{images_path}: images of {height} x {width} pixels; {CURE}")
    pixels = images.reshape(len(images), height * width)
    return Split(pixels, check_labels(labels, CLASSES, str(labels_path))), (height, width)
