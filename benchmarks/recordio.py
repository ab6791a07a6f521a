"""The recordIO codec against SDK v2's and against what the machine allows: `python -m benchmarks.recordio`.

Works: a dense file of 784 float32 features a record, and a sparse one of a million columns with 20 non-zeros
a record on average, both labelled; each written to a file and read into arrays. `dense read` is the reader's
default, the arrays that users get: every record's frame checked, the numbers a view of the mapped file.
`dense read, own copy` is `copy=True`. The bound of writing is `file.write` of the same bytes; that of
reading, the same file read into a fresh array. Ours and the bound take turns, nine at least. SDK v2
(`sagemaker<3`) runs afterwards, `--runs` times, in the environment that the tests compare bytes with
(`make .venvs/oracle/.ready`), on the same arrays and as many rows, and its files must have the same SHA-256.
All of them use one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from benchmarks.command import main
from benchmarks.environments import REPOSITORY, PeerMissingError, clean_environment
from benchmarks.results import Peer, Result
from benchmarks.timing import in_turns
from processing.recordio import (
    Arrays,
    read_dense,
    read_sparse,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)

PEER = "SageMaker SDK v2"
ROWS, QUICK_ROWS = 50_000, 5_000
WIDTH = 784
SPARSE_ROWS = 4
"""Sparse records for every dense one."""
SPARSE_WIDTH, NON_ZEROS = 1_000_000, 20
LEAST_RUNS = 9
"""Counted runs of ours and the bound, at least: they take a tenth of a second, in which the system's handing
out of fresh memory for the arrays may take as long as the work."""

Floats = npt.NDArray[np.float32]


class Kind(NamedTuple):
    """One kind of records: how it is written, and what."""

    name: str
    writer: Callable[[BinaryIO, Any, Floats], None]
    features: Any
    labels: Floats

    def write(self, path: Path) -> None:
        """One file, from nothing to closed."""
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            self.writer(file, self.features, self.labels)


class Work(NamedTuple):
    """One line of the table. v2: the work of SDK v2 that does the same."""

    name: str
    ours: Callable[[], Arrays | None]
    bound: Callable[[], object]
    path: Path
    v2: str
    faster: float | None = None
    of_bound: float | None = None

    @property
    def target(self) -> str:
        """What is to be reached, in words."""
        if self.of_bound is not None:
            return f"≤ {self.of_bound:g} × bound"
        return f"≥ {self.faster:g} × {PEER}" if self.faster is not None else ""

    def met(self, ours: float, bound: float, peer: float | None) -> bool | None:
        """Whether it is; None where that is not known."""
        if self.of_bound is not None:
            return ours <= self.of_bound * bound
        if self.faster is None or peer is None:
            return None
        return peer >= self.faster * ours


def dense_kind(rows: int) -> Kind:
    """Features (rows, 784) and labels (rows,), float32."""
    rng = np.random.default_rng(0)
    features = rng.random((rows, WIDTH), np.float32)
    return Kind("dense", write_numpy_to_dense_tensor, features, rng.integers(0, 2, rows).astype(np.float32))


def sparse_kind(rows: int) -> Kind:
    """Features (rows, 1,000,000) with 20 non-zeros a row on average, and labels (rows,), float32."""
    rng = np.random.default_rng(1)
    indptr = np.concatenate([[0], np.cumsum(rng.binomial(2 * NON_ZEROS, 0.5, rows))])
    indices = rng.integers(0, SPARSE_WIDTH, indptr[-1]).astype(np.int32)
    matrix = csr_matrix((rng.random(indptr[-1], np.float32), indices, indptr), shape=(rows, SPARSE_WIDTH))
    matrix.sort_indices()
    labels = rng.integers(0, 2, rows).astype(np.float32)
    return Kind("sparse", write_spmatrix_to_sparse_tensor, matrix, labels)


def prepare(folder: Path, rows: int) -> tuple[Kind, Kind]:
    """Make the arrays and their files; the arrays stay in the folder for the peer."""
    dense, sparse = dense_kind(rows), sparse_kind(rows * SPARSE_ROWS)
    matrix = sparse.features
    np.savez(folder / "dense.npz", features=dense.features, labels=dense.labels)
    np.savez(
        folder / "sparse.npz",
        data=matrix.data,
        indices=matrix.indices,
        indptr=matrix.indptr,
        width=SPARSE_WIDTH,
        labels=sparse.labels,
    )
    for kind in (dense, sparse):
        kind.write(folder / f"{kind.name}.pbr")
    return dense, sparse


def works(folder: Path, dense: Kind, sparse: Kind) -> list[Work]:
    """List what is measured."""
    one, two, plain = folder / "dense.pbr", folder / "sparse.pbr", folder / "plain"
    content = {path: path.read_bytes() for path in (one, two)}

    def write_bytes(path: Path) -> None:
        # No more than writing must do: the same bytes, in one call.
        plain.unlink(missing_ok=True)
        with plain.open("wb") as file:
            file.write(content[path])

    return [
        Work(
            "dense write", lambda: dense.write(one), lambda: write_bytes(one), one, "dense write", None, 1.1
        ),
        Work(
            "dense read", lambda: read_dense(one), lambda: np.fromfile(one, np.uint8), one, "dense read", 150
        ),
        Work(
            "dense read, own copy",
            lambda: read_dense(one, copy=True),
            lambda: np.fromfile(one, np.uint8),
            one,
            "dense read",
        ),
        Work("sparse write", lambda: sparse.write(two), lambda: write_bytes(two), two, "sparse write", 37),
        Work(
            "sparse read",
            lambda: read_sparse(two),
            lambda: np.fromfile(two, np.uint8),
            two,
            "sparse read",
            37,
        ),
    ]


def oracle_python() -> Path:
    """Find the interpreter that has SDK v2.

    Raises:
        PeerMissingError: it is not there.

    """
    named = os.environ.get("TRAINYARD_ORACLE_PYTHON")
    python = Path(named) if named else REPOSITORY / ".venvs" / "oracle" / "bin" / "python"
    if not python.exists():
        raise PeerMissingError("its environment is not there: `make .venvs/oracle/.ready` makes it")
    return python


def v2_seconds(folder: Path, runs: int, kinds: set[str]) -> dict[str, float]:
    """Measure SDK v2: the median seconds of its works, on these kinds of records.

    Raises:
        PeerMissingError: it cannot run.
        ValueError: it writes other bytes than we do.

    """
    script = Path(__file__).with_name("sdk_v2_recordio.py")
    command = [str(oracle_python()), str(script), str(folder), str(runs), *sorted(kinds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    if done.returncode:
        raise PeerMissingError(done.stderr.strip().splitlines()[-1])
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    for kind in kinds:
        ours = hashlib.sha256((folder / f"{kind}.pbr").read_bytes()).hexdigest()
        if ours != answer["digests"][kind]:
            raise ValueError(f"the {kind} file is not the one that {PEER} writes: the comparison is void")
    return {work: statistics.median(seconds) for work, seconds in answer["seconds"].items()}


def result(work: Work, ours: float, bound: float, v2: Mapping[str, float], missing: str) -> Result:
    """Make a line of the table."""
    seconds = v2.get(work.v2)
    peer = Peer(PEER, missing=missing) if seconds is None else Peer(PEER, seconds)
    return Result(
        work.name,
        ours,
        bound,
        [peer],
        target=work.target,
        met=work.met(ours, bound, seconds),
        notes={"MB": work.path.stat().st_size / 1e6},
    )


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Measure all works, then SDK v2's."""
    with tempfile.TemporaryDirectory(prefix="recordio-") as name:
        folder = Path(name)
        kinds = prepare(folder, QUICK_ROWS if options.quick else ROWS)
        timed = []
        for work in works(folder, *kinds):
            if options.only in work.name:
                times = in_turns({"ours": work.ours, "bound": work.bound}, max(options.runs, LEAST_RUNS))
                timed.append((work, times["ours"].median, times["bound"].median))
        v2: dict[str, float] = {}
        missing = ""
        try:
            wanted = {work.v2.split()[0] for work, _, _ in timed}
            v2 = v2_seconds(folder, options.runs, wanted) if timed else {}
        except PeerMissingError as error:
            missing = str(error)
        for work, ours, bound in timed:
            yield result(work, ours, bound, v2, missing)


if __name__ == "__main__":
    main("recordio", __doc__, measure)
