"""knn against faiss, scikit-learn and the bare matrix products: `python -m benchmarks.knn`.

Data: the real MNIST (`--data PATH`), 50,000 images to search, 10,000 to classify, k 10, ten digits. What is
timed is a batch job's own compute: rows to predicted labels, 1,000 at a time as requests bring them. faiss is
`IndexFlatL2` asked for all rows at once, its votes counted by numpy; scikit-learn is
`KNeighborsClassifier(algorithm="brute")`. The bound is the products of all queries with all rows, in the
blocks in which faiss multiplies. Training is a job over a recordIO file up to the finished
index; its bound is reading the file's bytes into an array. Quality: accuracy on the 10,000 images.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import Model
from algorithms.knn import ALGORITHM
from benchmarks.command import main
from benchmarks.mnist import PIXELS, Floats, Split, channel_file, read, train, write_channels
from benchmarks.results import Peer, Result
from benchmarks.timing import in_turns

K, BATCH = 10, 1_000
QUICK_ROWS, QUICK_QUERIES = 10_000, 1_000
BLOCK_QUERIES, BLOCK_ROWS = 4_096, 1_024
"""The blocks in which faiss itself multiplies; their result takes 16 MiB."""

TARGET = "≤ 1.05 × faiss"

VARIANTS = {
    "sign to 128 dimensions": {"dimension_reduction_type": "sign", "dimension_reduction_target": "128"},
    "fjlt to 128 dimensions": {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "128"},
    "faiss.IVFFlat": {"index_type": "faiss.IVFFlat"},
}
"""What a user may trade accuracy for time with."""


def accuracy(predicted: npt.NDArray[Any], test: Split) -> float:
    """Share of the images whose digit was found."""
    return float(np.mean(predicted == test.labels))


class Job:
    """Training over a file of the images to search."""

    def __init__(self, folder: Path, images: Split) -> None:
        self._folder, self._rows = write_channels(folder, {"train": images}), len(images.labels)
        self.path = channel_file(folder, "train")

    def __call__(self, given: Mapping[str, str]) -> Model:
        """Train with these hyperparameters beside those that all have."""
        fixed = {
            "feature_dim": str(PIXELS),
            "k": str(K),
            "sample_size": str(self._rows),
            "predictor_type": "classifier",
        }
        return train(ALGORITHM, {**fixed, **given}, self._folder)


def predict(model: Model, queries: Floats) -> npt.NDArray[Any]:
    """Answer batch after batch, as a batch job's requests come."""
    parts = [
        model.predict(queries[start : start + BATCH])["predicted_label"]
        for start in range(0, len(queries), BATCH)
    ]
    return np.concatenate(parts)


def products(rows: Floats, queries: Floats) -> None:
    """Multiply all queries with all rows."""
    out = np.empty((BLOCK_QUERIES, BLOCK_ROWS), np.float32)
    for first in range(0, len(queries), BLOCK_QUERIES):
        some = queries[first : first + BLOCK_QUERIES]
        for start in range(0, len(rows), BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            # A last block that is narrower gets a memory of its own: BLAS writes into contiguous rows.
            whole = len(block) == BLOCK_ROWS
            np.matmul(some, block.T, out=out[: len(some)] if whole else None)


def by_faiss(images: Split) -> Callable[[Floats], npt.NDArray[Any]]:
    """Ask IndexFlatL2 for all queries at once, and take the commonest digit of the k."""
    import faiss

    index = faiss.IndexFlatL2(images.features.shape[1])
    index.add(images.features)
    digits = images.labels.astype(np.int64)

    def classify(queries: Floats) -> npt.NDArray[Any]:
        _, found = index.search(queries, K)
        votes = digits[found] + 10 * np.arange(len(queries))[:, None]
        counts = np.bincount(votes.ravel(), minlength=10 * len(queries)).reshape(-1, 10)
        return np.asarray(counts.argmax(axis=1))

    return classify


def by_scikit_learn(images: Split) -> Callable[[Floats], npt.NDArray[Any]]:
    """Ask KNeighborsClassifier, on all cores."""
    from sklearn.neighbors import KNeighborsClassifier

    peer = KNeighborsClassifier(n_neighbors=K, algorithm="brute", n_jobs=-1)
    predicted: Callable[[Floats], npt.NDArray[Any]] = peer.fit(*images).predict
    return predicted


def searching(job: Job, images: Split, test: Split, runs: int) -> Result:
    """Measure the search with the index that compares with every row."""
    model = job({})
    peers = {"faiss IndexFlatL2": by_faiss(images), "scikit-learn brute": by_scikit_learn(images)}
    timed = in_turns(
        {
            "ours": lambda: predict(model, test.features),
            "bound": lambda: products(images.features, test.features),
            **{name: partial(peer, test.features) for name, peer in peers.items()},
        },
        runs,
    )
    ours = timed["ours"].median
    return Result(
        f"knn, {len(images.labels):,} points, {len(test.labels):,} queries, k {K}",
        ours,
        timed["bound"].median,
        [Peer(name, timed[name].median, accuracy(timed[name].returned, test)) for name in peers],
        accuracy(timed["ours"].returned, test),
        target=TARGET,
        met=ours <= 1.05 * timed["faiss IndexFlatL2"].median,
    )


def training(job: Job, rows: int, runs: int) -> Result:
    """Measure a training job up to the finished index."""
    timed = in_turns({"ours": lambda: job({}), "bound": lambda: np.fromfile(job.path, np.uint8)}, runs)
    return Result(f"knn training, {rows:,} points", timed["ours"].median, timed["bound"].median)


def variant(name: str, job: Job, test: Split, runs: int) -> Result:
    """Measure an index or projection that is quicker to search and less exact."""
    model = job(VARIANTS[name])
    timed = in_turns({"ours": lambda: predict(model, test.features)}, runs)["ours"]
    return Result(
        f"knn, {name}, {len(test.labels):,} queries",
        timed.median,
        quality=accuracy(timed.returned, test),
    )


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Measure the search, the training, and the variants of the search."""
    digits = read(options.data)
    train_rows, test_rows = (QUICK_ROWS, QUICK_QUERIES) if options.quick else (None, None)
    images, test = digits["train"].some(slice(train_rows)), digits["test"].some(slice(test_rows))
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), images)
        works: dict[str, Callable[[], Result]] = {
            "knn points queries": lambda: searching(job, images, test, options.runs),
            "knn training": lambda: training(job, len(images.labels), options.runs),
            **{f"knn {name}": partial(variant, name, job, test, options.runs) for name in VARIANTS},
        }
        for name, work in works.items():
            if options.only in name:
                yield work()


if __name__ == "__main__":
    main("knn", __doc__, measure, mnist=True)
