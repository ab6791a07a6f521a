"""The data that comes with scikit-learn, written as the raw files that the tasks read.

A run without `--data` starts from these. They are ordinary raw files: `--data` on the same
path gives the same run.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

IRIS_HEADER = ("Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width", "Species")


def write_sample(name: str, folder: Path) -> Path:
    """Write the sample `name` below `folder`, once, and return the file or folder that `--data` would name.

    Raises KeyError for a name that is not in SAMPLES.
    """
    target = folder / name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=folder))
        try:
            SAMPLES[name](staging)
            staging.rename(target)
        except BaseException:  # Ctrl-C among them
            shutil.rmtree(staging, ignore_errors=True)
            raise
    return target


def _iris(folder: Path) -> None:
    """Fisher's iris as the CSV that R publishes: 150 rows, Species by name."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    with (folder / "iris.csv").open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(IRIS_HEADER)
        for features, label in zip(iris.data.tolist(), iris.target.tolist(), strict=True):
            writer.writerow([*features, iris.target_names[label]])


def _digits(folder: Path) -> None:
    """Scikit-learn's 1,797 digits of 8 × 8 pixels as MNIST's four IDX files, a fifth of them for testing.

    The 17 grey levels are spread over IDX's 0 to 255. The rows are shuffled (seed 0): they stand in the order
    of their writers, so an unshuffled test set would hold other hands than the training set.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    train, test, train_labels, test_labels = train_test_split(
        pixels, digits.target.astype(np.uint8), test_size=0.2, shuffle=True, random_state=0
    )
    _write_idx(folder / "train-images-idx3-ubyte.gz", train)
    _write_idx(folder / "train-labels-idx1-ubyte.gz", train_labels)
    _write_idx(folder / "t10k-images-idx3-ubyte.gz", test)
    _write_idx(folder / "t10k-labels-idx1-ubyte.gz", test_labels)


def _write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array as IDX: two zero bytes, type 0x08, the number of dimensions, each size as u32 BE.

    Format: http://yann.lecun.com/exdb/mnist/ (section "The IDX file format"). The gzip header carries no
    time, so that equal data has equal bytes and the step cache recognises it.
    """
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


SAMPLES: dict[str, Callable[[Path], None]] = {"iris": _iris, "digits": _digits}
"""Sample name (as a task's entry names it) → what writes its files into a folder."""
