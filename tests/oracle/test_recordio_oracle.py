"""The codec against SageMaker SDK v2's: the same bytes, and each reads what the other writes."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from processing.recordio import encode_dense, encode_sparse, read_arrays

pytestmark = pytest.mark.oracle

HELPER = Path(__file__).with_name("sdk_v2_recordio.py")
DENSE_WIDTHS = [*range(40), 54, 62, 63, 64, 127, 128, 784, 2048, 4095, 4096, 100_000, 500_000]
SPARSE_WIDTHS = [0, 1, 5, 127, 128, 129, 16_383, 16_384, 1_000_000, 1 << 40]
DTYPES = ["f4", "f8", "i8"]


@dataclass
class Case:
    """Features and labels, what we write for them, and what v2 answers."""

    features: Any
    labels: np.ndarray | None
    ours: bytes
    answer: dict[str, np.ndarray] = field(default_factory=dict)

    def arrays(self) -> dict[str, np.ndarray]:
        """The case as the helper takes it."""
        arrays = {"ours": np.frombuffer(self.ours, np.uint8)}
        if self.labels is not None:
            arrays["labels"] = self.labels
        if isinstance(self.features, np.ndarray):
            return arrays | {"dense": self.features}
        matrix = self.features
        return arrays | {
            "data": matrix.data,
            "indices": matrix.indices,
            "indptr": matrix.indptr,
            "shape": np.array(matrix.shape),
        }


def labels_for(rows: int, dtype: str | None, rng: np.random.Generator) -> np.ndarray | None:
    return None if dtype is None else (rng.normal(size=rows) * 300).astype(dtype)


def dense_cases(rng: np.random.Generator) -> Iterator[Case]:
    for width in DENSE_WIDTHS:
        rows = 3 if width < 5000 else 1
        for dtype in DTYPES:
            for label in (None, *DTYPES):
                features = (rng.normal(size=(rows, width)) * 1e5).astype(dtype)
                labels = labels_for(rows, label, rng)
                yield Case(features, labels, encode_dense(features, labels))


def sparse_cases(rng: np.random.Generator) -> Iterator[Case]:
    for width in SPARSE_WIDTHS:
        for most in (0, 3, 40, 600):
            for dtype in DTYPES:
                for label in (None, *DTYPES):
                    counts = rng.integers(0, (most if width else 0) + 1, 6)
                    indptr = np.concatenate([[0], np.cumsum(counts)])
                    columns = [np.sort(rng.integers(0, max(width, 1), count)) for count in counts]
                    data = (rng.normal(size=indptr[-1]) * 1e4).astype(dtype)
                    features = csr_matrix((data, np.concatenate(columns), indptr), shape=(6, width))
                    labels = labels_for(6, label, rng)
                    yield Case(features, labels, encode_sparse(features, labels))


def ragged_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Many rows of very different lengths, with keys in no order, of all widths."""
    for width in (200_000, 1_000_000, 1 << 40):
        for label in (None, "f4"):
            counts = np.append(rng.geometric(0.04, 400) - 1, [3000, 0, 5000])
            indptr = np.concatenate([[0], np.cumsum(counts)])
            columns = rng.integers(0, width, indptr[-1]) >> rng.integers(0, 40, indptr[-1])
            data = rng.normal(size=indptr[-1]).astype("f4")
            features = csr_matrix((data, columns, indptr), shape=(len(counts), width))
            labels = labels_for(len(counts), label, rng)
            yield Case(features, labels, encode_sparse(features, labels))


@pytest.fixture(scope="module")
def oracle(repository: Path) -> Path:
    """The interpreter of an environment with `sagemaker<3` and scipy."""
    path = Path(
        os.environ.get("TRAINYARD_ORACLE_PYTHON", repository / ".venvs" / "oracle" / "bin" / "python")
    )
    if not path.exists():
        pytest.skip(
            f"{path} is not there: `make .venvs/oracle/.ready` makes it, or set TRAINYARD_ORACLE_PYTHON"
        )
    return path


@pytest.fixture(scope="module")
def answered(oracle: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """All cases, answered by v2 in one process: importing it takes seconds."""
    rng = np.random.default_rng(0)
    cases = [*dense_cases(rng), *sparse_cases(rng), *ragged_cases(rng)]
    folder = tmp_path_factory.mktemp("oracle")
    asked, answers = folder / "cases.npz", folder / "answers.npz"
    np.savez(
        asked,
        **{f"{i}.{name}": array for i, case in enumerate(cases) for name, array in case.arrays().items()},
    )
    done = subprocess.run([oracle, HELPER, asked, answers], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(answers) as stored:
        for key in stored.files:
            number, name = key.split(".")
            cases[int(number)].answer[name] = stored[key]
    return cases


def test_the_bytes_are_v2s(answered: list[Case]) -> None:
    different = [
        (case.features.shape, case.features.dtype, None if case.labels is None else case.labels.dtype)
        for case in answered
        if case.answer["theirs"].tobytes() != case.ours
    ]
    assert different == []
    assert len(answered) > 900


def test_v2_reads_what_we_write(answered: list[Case]) -> None:
    for case in answered:
        features, answer = case.features, case.answer
        labels = np.empty(0) if case.labels is None else case.labels
        assert np.array_equal(answer["read_labels"], labels.astype("f8"))
        if isinstance(features, np.ndarray):
            assert answer["counts"].tolist() == [features.shape[1]] * features.shape[0]
            assert np.array_equal(answer["values"], features.ravel().astype("f8"))
        else:
            assert np.array_equal(answer["counts"], np.diff(features.indptr))
            assert np.array_equal(answer["values"], features.data.astype("f8"))
            assert np.array_equal(answer["keys"], features.indices)
            assert answer["widths"].tolist() == [features.shape[1]] * features.shape[0]


def test_we_read_what_v2_writes(answered: list[Case]) -> None:
    for case in answered:
        theirs = case.answer["theirs"].tobytes()
        for read in (read_arrays(theirs), read_arrays(io.BytesIO(theirs))):
            if isinstance(case.features, np.ndarray):
                assert np.array_equal(read.features, case.features.astype("f4"))
            else:
                assert read.features.shape == case.features.shape
                assert np.array_equal(read.features.indptr, case.features.indptr)
                assert np.array_equal(read.features.indices, case.features.indices)
                assert np.array_equal(read.features.data, case.features.data.astype("f4"))
            if case.labels is None:
                assert read.labels is None
            else:
                assert np.array_equal(read.labels, case.labels.astype("f4"))
