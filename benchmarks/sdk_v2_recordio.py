"""SageMaker SDK v2's side of `benchmarks.recordio`, run in an environment of its own.

`python sdk_v2_recordio.py FOLDER RUNS KIND...`: FOLDER holds `dense.npz` (features, labels) and `sparse.npz`
(data, indices, indptr, width, labels); a KIND is `dense` or `sparse`. Prints one JSON object: work → seconds
of each run, and each file's SHA-256.
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


def dense(folder, runs):
    """Seconds of each run of the dense works, and the SHA-256 of the file."""
    arrays, path = np.load(folder / "dense.npz"), folder / "v2-dense.pbr"
    features, labels = arrays["features"], arrays["labels"]
    return {
        "dense write": timed(lambda: write(path, write_numpy_to_dense_tensor, features, labels), runs),
        "dense read": timed(lambda: read_dense(path, *features.shape), runs),
    }, hashlib.sha256(path.read_bytes()).hexdigest()


def sparse(folder, runs):
    """Seconds of each run of the sparse works, and the SHA-256 of the file."""
    arrays, path = np.load(folder / "sparse.npz"), folder / "v2-sparse.pbr"
    labels, width = arrays["labels"], int(arrays["width"])
    parts = arrays["data"], arrays["indices"], arrays["indptr"]
    matrix = csr_matrix(parts, shape=(len(labels), width))
    return {
        "sparse write": timed(lambda: write(path, write_spmatrix_to_sparse_tensor, matrix, labels), runs),
        "sparse read": timed(lambda: read_sparse(path, len(labels), width), runs),
    }, hashlib.sha256(path.read_bytes()).hexdigest()


def main(folder, runs, kinds):
    """Measure the works of these kinds."""
    seconds, digests = {}, {}
    for kind in kinds:
        found, digests[kind] = {"dense": dense, "sparse": sparse}[kind](folder, runs)
        seconds |= found
    print(json.dumps({"seconds": seconds, "digests": digests}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
