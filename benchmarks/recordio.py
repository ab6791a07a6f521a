"""The recordIO codec against SDK v2's and against what the machine allows: `python -m benchmarks.recordio`.

Works: a dense file of 784 float32 features a record, and a sparse one of a million columns with 20 non-zeros
a record on average, both labelled; each written to a file and read into arrays. `dense read` is the reader's
default, a checked view of the mapped file; `dense copy` an own array. The bound of writing is `file.write` of
the same bytes; that of reading, the same file read into a fresh array. Ours and the bound take turns, so that
both see the same machine. SDK v2 (`sagemaker<3`) runs in an environment of its own, on the same arrays and as
many rows, and its files must have the same SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy.sparse import csr_matrix

from processing.recordio import (
    Arrays,
    read_dense,
    read_sparse,
    write_numpy_to_dense_tensor,
    write_spmatrix_to_sparse_tensor,
)

REPOSITORY = Path(__file__).resolve().parent.parent
ORACLE = REPOSITORY / ".venvs" / "oracle"
PEER = "sagemaker<3"
ROWS, QUICK_ROWS = 50_000, 5_000
WIDTH = 784
SPARSE_ROWS = 4
"""Sparse records for every dense one."""
SPARSE_WIDTH, NON_ZEROS = 1_000_000, 20
RUNS, PEER_RUNS = 7, 3


@dataclass
class Kind:
    """One kind of records: how it is written and read, and what."""

    name: str
    writer: Callable[[BinaryIO, Any, np.ndarray], None]
    reader: Callable[[Path], Arrays]
    features: Any
    labels: np.ndarray


@dataclass
class Result:
    """Medians in seconds. peer: None where v2 has nothing of the kind, or is missing."""

    work: str
    median: float
    bound: float
    megabytes: float
    peer: float | None = None


def dense_data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, 784) and labels (rows,), float32."""
    rng = np.random.default_rng(0)
    return rng.random((rows, WIDTH), np.float32), rng.integers(0, 2, rows).astype(np.float32)


def sparse_data(rows: int) -> tuple[csr_matrix, np.ndarray]:
    """Features (rows, 1,000,000) with 20 non-zeros a row on average, and labels (rows,), float32."""
    rng = np.random.default_rng(1)
    indptr = np.concatenate([[0], np.cumsum(rng.binomial(2 * NON_ZEROS, 0.5, rows))])
    indices = rng.integers(0, SPARSE_WIDTH, indptr[-1]).astype(np.int32)
    matrix = csr_matrix((rng.random(indptr[-1], np.float32), indices, indptr), shape=(rows, SPARSE_WIDTH))
    matrix.sort_indices()
    return matrix, rng.integers(0, 2, rows).astype(np.float32)


def in_turns(work: Callable[[], object], bound: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of each, measured alternately after one round to warm up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS + 1):
        for run, measured in ((work, seconds[0]), (bound, seconds[1])):
            begun = time.perf_counter()
            run()
            measured.append(time.perf_counter() - begun)
    return statistics.median(seconds[0][1:]), statistics.median(seconds[1][1:])


def measure(name: str, work: Callable[[], object], bound: Callable[[], object], path: Path) -> Result:
    """One work against its bound; `path` is the file that is written or read."""
    ours, limit = in_turns(work, bound)
    return Result(name, ours, limit, path.stat().st_size / 1e6)


def write_with(path: Path, kind: Kind) -> None:
    """One file, from nothing to closed."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        kind.writer(file, kind.features, kind.labels)


def write_bytes(path: Path, data: bytes) -> None:
    """Do no more than writing must: the same bytes, in one call."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.write(data)


def measure_kind(kind: Kind, folder: Path) -> list[Result]:
    """Measure the writing and the reading of one kind of records."""
    path, plain = folder / f"{kind.name}.pbr", folder / "plain"
    write_with(path, kind)
    data = path.read_bytes()
    return [
        measure(
            f"{kind.name} write",
            lambda: write_with(path, kind),
            lambda: write_bytes(plain, data),
            path,
        ),
        measure(f"{kind.name} read", lambda: kind.reader(path), lambda: np.fromfile(path, np.uint8), path),
    ]


def measure_ours(folder: Path, rows: int) -> list[Result]:
    """All works; the arrays stay in the folder for the peer."""
    features, labels = dense_data(rows)
    matrix, sparse_labels = sparse_data(rows * SPARSE_ROWS)
    np.savez(folder / "dense.npz", features=features, labels=labels)
    np.savez(
        folder / "sparse.npz",
        data=matrix.data,
        indices=matrix.indices,
        indptr=matrix.indptr,
        width=SPARSE_WIDTH,
        labels=sparse_labels,
    )
    path = folder / "dense.pbr"
    dense = Kind("dense", write_numpy_to_dense_tensor, read_dense, features, labels)
    sparse = Kind("sparse", write_spmatrix_to_sparse_tensor, read_sparse, matrix, sparse_labels)
    return [
        *measure_kind(dense, folder),
        measure("dense copy", lambda: read_dense(path, copy=True), lambda: np.fromfile(path, np.uint8), path),
        *measure_kind(sparse, folder),
    ]


def oracle_python() -> Path:
    """Find the interpreter that has SDK v2; make its environment where there is none, or raise OSError."""
    named = os.environ.get("TRAINYARD_ORACLE_PYTHON")
    python = Path(named) if named else ORACLE / "bin" / "python"
    if not python.exists() and not named:
        print(f"making {ORACLE} with {PEER}", file=sys.stderr)
        commands = (
            [sys.executable, "-m", "venv", str(ORACLE)],
            [str(python), "-m", "pip", "install", "-q", PEER, "scipy"],
        )
        for command in commands:
            if subprocess.run(command, check=False).returncode:
                raise OSError(f"{command} failed")
    if not python.exists():
        raise OSError(f"{python} is not there")
    return python


def measure_peer(folder: Path, results: list[Result]) -> str | None:
    """Fill in v2's medians; returns why it is missing where it is."""
    try:
        python = oracle_python()
    except OSError as error:
        return str(error)
    script = Path(__file__).with_name("sdk_v2_recordio.py")
    done = subprocess.run(
        [python, script, folder, str(PEER_RUNS)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    for kind in ("dense", "sparse"):
        ours = hashlib.sha256((folder / f"{kind}.pbr").read_bytes()).hexdigest()
        if ours != answer["digests"][f"v2-{kind}.pbr"]:
            raise SystemExit(
                f"the {kind} file is not the one that {PEER} writes: the comparison would be void"
            )
    for result in results:
        seconds = answer["seconds"].get(result.work.replace("copy", "read"))
        result.peer = statistics.median(seconds)
    return None


def print_table(results: list[Result], missing: str | None) -> None:
    """Print one line a work."""
    row = "{:14}{:>8}{:>10}{:>8}{:>10}{:>9}{:>15}{:>10}"
    print(row.format("work", "MB", "median s", "MB/s", "bound s", "× bound", f"{PEER} s", "× faster"))
    for r in results:
        peer = (f"{r.peer:.3f}", f"{r.peer / r.median:.0f}") if r.peer else ("missing", "")
        ours = (f"{r.megabytes:.1f}", f"{r.median:.4f}", f"{r.megabytes / r.median:.0f}")
        print(row.format(r.work, *ours, f"{r.bound:.4f}", f"{r.median / r.bound:.2f}", *peer))
    if missing:
        print(f"{PEER} is missing: {missing}")


def print_json(results: list[Result], missing: str | None) -> None:
    """Print one object a line."""
    for r in results:
        peer = {"median_s": r.peer} | ({"missing": missing} if missing else {})
        print(json.dumps({"work": r.work, "median_s": r.median, "bound_s": r.bound, "peers": {PEER: peer}}))


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordio", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object a line")
    parser.add_argument(
        "--rows", type=int, default=ROWS, help=f"dense records; {SPARSE_ROWS} times as many sparse ones"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS} rows")
    options = parser.parse_args()
    rows = QUICK_ROWS if options.quick else options.rows
    if rows < 1:
        parser.error(f"--rows {rows}: give 1 or more")
    with tempfile.TemporaryDirectory(prefix="recordio-") as name:
        results = measure_ours(Path(name), rows)
        missing = measure_peer(Path(name), results)
    (print_json if options.json else print_table)(results, missing)


if __name__ == "__main__":
    main()
