"""SageMaker SDK v2's side of `benchmarks.recordio`, run in an environment of its own.

`python sdk_v2_recordio.py FOLDER RUNS`: FOLDER holds `dense.npz` (features, labels) and `sparse.npz` (data,
indices, indptr, width, labels). Prints one JSON object: work → seconds of each run, and each file's SHA-256.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from sagemaker.amazon.common import (
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from scipy.sparse import csr_matrix


def timed(work, runs):
    """Seconds of each run."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


def write(path, writer, features, labels):
    """One file, from nothing to closed."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        writer(file, features, labels)


def read_dense(path, rows, width):
    """Read records into arrays, in the way that takes v2 the least."""
    features, labels = np.empty((rows, width), np.float32), np.empty(rows, np.float32)
    with path.open("rb") as file:
        for i, record in enumerate(read_records(file)):
            features[i] = record.features["values"].float32_tensor.values
            labels[i] = record.label["values"].float32_tensor.values[0]
    return features, labels


def read_sparse(path, rows, width):
    """Read records into a CSR matrix."""
    values, keys, counts, labels = [], [], np.empty(rows, np.int64), np.empty(rows, np.float32)
    with path.open("rb") as file:
        for i, record in enumerate(read_records(file)):
            tensor = record.features["values"].float32_tensor
            values.append(np.array(tensor.values, np.float32))
            keys.append(np.array(tensor.keys, np.int64))
            counts[i] = len(tensor.values)
            labels[i] = record.label["values"].float32_tensor.values[0]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return csr_matrix((np.concatenate(values), np.concatenate(keys), indptr), shape=(rows, width)), labels


def main(folder, runs):
    """Measure the four works."""
    dense, sparse = np.load(folder / "dense.npz"), np.load(folder / "sparse.npz")
    features, labels = dense["features"], dense["labels"]
    width, sparse_labels = int(sparse["width"]), sparse["labels"]
    rows = len(sparse_labels)
    matrix = csr_matrix((sparse["data"], sparse["indices"], sparse["indptr"]), shape=(rows, width))
    one, two = folder / "v2-dense.pbr", folder / "v2-sparse.pbr"
    seconds = {
        "dense write": timed(lambda: write(one, write_numpy_to_dense_tensor, features, labels), runs),
        "dense read": timed(lambda: read_dense(one, *features.shape), runs),
        "sparse write": timed(
            lambda: write(two, write_spmatrix_to_sparse_tensor, matrix, sparse_labels), runs
        ),
        "sparse read": timed(lambda: read_sparse(two, rows, width), runs),
    }
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two)}
    print(json.dumps({"seconds": seconds, "digests": digests}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
