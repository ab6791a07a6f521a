"""SageMaker SDK v2's codec, run in an environment of its own: `python sdk_v2_recordio.py CASES ANSWERS`.

CASES is an npz file. Case i has `i.labels` (or not), either `i.dense` or `i.data`, `i.indices`, `i.indptr`
and `i.shape`, and `i.ours`: the bytes that this project wrote for it. ANSWERS becomes an npz file with
`i.theirs`, the bytes that v2 writes, and what v2 reads from ours: `i.values`, `i.keys`, `i.counts`,
`i.widths`, `i.read_labels`.
"""

import io
import sys

import numpy as np
from sagemaker.amazon.common import (
    read_records,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)
from scipy.sparse import csr_matrix

KINDS = ("float32_tensor", "float64_tensor", "int32_tensor")


def written(case):
    """The bytes that v2 writes."""
    file = io.BytesIO()
    labels = case.get("labels")
    if "dense" in case:
        write_numpy_to_dense_tensor(file, case["dense"], labels)
    else:
        matrix = csr_matrix((case["data"], case["indices"], case["indptr"]), shape=tuple(case["shape"]))
        write_spmatrix_to_sparse_tensor(file, matrix, labels)
    return file.getvalue()


def tensor_of(value):
    """The one tensor that is set."""
    return getattr(value, value.WhichOneof("value"))


def read(data):
    """The numbers that v2 reads."""
    tensors, labels = [], []
    for record in read_records(io.BytesIO(data)):
        tensors.append(tensor_of(record.features["values"]))
        labels += [tensor_of(record.label[name]).values[0] for name in record.label]
    return {
        "values": np.array([value for tensor in tensors for value in tensor.values], np.float64),
        "keys": np.array([key for tensor in tensors for key in tensor.keys], np.uint64),
        "counts": np.array([len(tensor.values) for tensor in tensors]),
        "widths": np.array([width for tensor in tensors for width in tensor.shape], np.uint64),
        "read_labels": np.array(labels, np.float64),
    }


def main(cases_path, answers_path):
    """Answer all cases."""
    cases = {}
    with np.load(cases_path) as stored:
        for key in stored.files:
            number, name = key.split(".")
            cases.setdefault(number, {})[name] = stored[key]
    answers = {}
    for number, case in cases.items():
        answers[f"{number}.theirs"] = np.frombuffer(written(case), np.uint8)
        for name, numbers in read(case["ours"].tobytes()).items():
            answers[f"{number}.{name}"] = numbers
    np.savez(answers_path, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
