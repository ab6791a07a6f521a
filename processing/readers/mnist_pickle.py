"""`mnist.pkl.gz`: a gzipped Python-2 pickle of three (images, labels) pairs: train, validation, test.

Source of the format: the deep learning tutorials of the LISA lab, which published the file; 50,000, 10,000
and 10,000 images of 28 x 28 as float32 rows of 784 values within 0 to 1, labels int64. The file is untrusted
input: `inert_unpickler` reads it in a child process, and this module builds arrays from the plain bytes it
hands over.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from processing.container import InputError
from processing.readers import RawImages, inert_unpickler
from processing.splits import Split, check_labels

SPLITS = ("train", "validation", "test")
CLASSES = 10
HEADER_LIMIT = 64 * 1024


def read_mnist_pickle(path: Path) -> RawImages:
    """Return the three splits of an MNIST pickle, gzipped or not; InputError for anything else."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; put mnist.pkl.gz or the MNIST IDX files there")
    arrays = _arrays(path, pairs=len(SPLITS))
    splits = {
        name: _split(path, name, arrays[2 * index], arrays[2 * index + 1])
        for index, name in enumerate(SPLITS)
    }
    widths = {split.features.shape[1] for split in splits.values()}
    if len(widths) != 1:
        raise InputError(
            f"{path}: wrong structure: the splits' images have {sorted(widths)} pixels; want one size"
        )
    return RawImages(splits, _square(path, widths.pop()), [path], "mnist-pickle")


def _arrays(path: Path, pairs: int) -> list[npt.NDArray[Any]]:
    command = [sys.executable, "-I", inert_unpickler.__file__, str(path), str(pairs)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        arrays = _received(child.stdout)
        reason = child.stderr.read().decode("utf-8", "backslashreplace").strip()
    if child.returncode < 0:
        reason = f"reading it ended in signal {-child.returncode}; {inert_unpickler.CURE}"
    if child.returncode or arrays is None:
        raise InputError(f"{path}: {reason or 'reading it ended without a result'}")
    return arrays


def _received(stream: IO[bytes]) -> list[npt.NDArray[Any]] | None:
    """Return the arrays a child sends, or None where it stopped before their end: its exit code says why."""
    length = int.from_bytes(stream.read(8), "little")
    header = stream.read(min(length, HEADER_LIMIT))
    if not header or len(header) < length:
        return None
    arrays = []
    for part in json.loads(header):
        content = np.empty(math.prod(part["shape"]), dtype=part["dtype"])
        if _fill(stream, content.view(np.uint8).data) < content.nbytes:
            return None
        arrays.append(content.reshape(part["shape"], order=part["order"]))
    return arrays


def _fill(stream: IO[bytes], view: memoryview) -> int:
    filled = 0
    while filled < len(view):
        chunk = stream.read(min(len(view) - filled, 1 << 20))
        if not chunk:
            break
        view[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return filled


def _split(path: Path, name: str, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Split:
    if images.ndim != 2 or images.dtype.kind != "f" or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path}: wrong structure: the {name} pair is {images.dtype}{images.shape} and {labels.dtype}"
            f"{labels.shape}; want float images of shape (rows, pixels) and integer labels of shape (rows,)"
        )
    if len(images) != len(labels):
        raise InputError(
            f"{path}: the {name} split has {len(images)} images but {len(labels)} labels; "
            f"{inert_unpickler.CURE}"
        )
    return Split(images, check_labels(labels, CLASSES, f"{path}: the {name} split,"))


def _square(path: Path, pixels: int) -> tuple[int, int]:
    side = math.isqrt(pixels)
    if side * side != pixels or pixels == 0:
        raise InputError(
            f"{path}: wrong structure: rows of {pixels} values are no square images (784 is 28 x 28)"
        )
    return side, side
