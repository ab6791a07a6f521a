"""Training streams its channel: what a job holds in memory does not depend on how long the channel is."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from algorithms.base import CSV, RECORDIO, Batch
from algorithms.mini_batches import MiniBatches
from algorithms.scratch import Scratch, Segment, is_mapped
from processing.recordio import encode_dense

Containers = Callable[[str], Any]
MIB = 2**20
RANDOM = np.random.default_rng(1)
FEATURES = RANDOM.normal(size=(20_000, 64)).astype(np.float32)
LABELS = (FEATURES[:, 0] > 0).astype(np.float32)

LINEAR = {"predictor_type": "binary_classifier", "epochs": "2", "num_models": "4"}
MACHINES = {"predictor_type": "binary_classifier", "epochs": "2", "num_factors": "4", "feature_dim": "64"}


def anonymous_bytes(process: subprocess.Popen[str]) -> int:
    """The most memory that a job held until its end, without the pages of mapped files."""
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            status = Path(f"/proc/{process.pid}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
            peak = max(peak, 1024 * int(line.split()[1]))
        time.sleep(0.002)
    return peak


@pytest.mark.slow
def test_a_file_larger_than_the_memory_limit_trains(container: Containers) -> None:
    job = container("factorization-machines")
    job.add_file("train", encode_dense(FEATURES, LABELS) * 50, RECORDIO)
    job.configure(MACHINES)
    limit = 200 * MIB
    assert (job.root / "input/data/train/part").stat().st_size > limit
    with job.start("train", OPENBLAS_NUM_THREADS="1") as process:
        # Of what the process may write to. A limit of the address space would count the mapped file as well.
        resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit, limit))
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert job.model.exists()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["add_file", "add_pipe"])
@pytest.mark.parametrize(
    ("algorithm", "values", "content_type"),
    [
        ("linear-learner", LINEAR, RECORDIO),
        ("linear-learner", LINEAR, CSV),
        ("factorization-machines", MACHINES, RECORDIO),
    ],
)
def test_memory_does_not_grow_with_the_rows(
    container: Containers,
    tmp_path: Path,
    mode: str,
    algorithm: str,
    values: dict[str, str],
    content_type: str,
) -> None:
    """Four times the rows, 30 MiB more: their labels and order, 12 bytes a row, are all that grows."""
    if content_type == CSV:
        lines = [",".join(["1", *(f"{value:.2f}" for value in row)]) for row in FEATURES.tolist()]
        data = ("\n".join(lines) + "\n").encode()
    else:
        data = encode_dense(FEATURES, LABELS)
    peaks = []
    for times in (2, 8):
        job = type(container(algorithm))(tmp_path / str(times), algorithm)
        getattr(job, mode)("train", data * times, content_type)
        job.configure(values)
        with job.start("train") as process:
            peaks.append(anonymous_bytes(process))
            assert process.returncode == 0, process.communicate()
    assert peaks[1] - peaks[0] < 12 * MIB


def test_scratch_keeps_rows_out_of_memory_as_they_are() -> None:
    scratch = Scratch()
    first, second = scratch.append(FEATURES[:10]), scratch.append(FEATURES[10:15])
    np.testing.assert_array_equal(np.concatenate([first, second]), FEATURES[:15])
    assert is_mapped(first)
    assert is_mapped(second[2:, 1:])
    assert not is_mapped(FEATURES)
    assert not first.flags.writeable


def test_a_segment_tells_what_was_written() -> None:
    segment = Segment(5, 64)
    segment.append(FEATURES[:3])
    assert segment.room == 2
    np.testing.assert_array_equal(segment.written, FEATURES[:3])


class _InMemory:
    """A channel that counts its passes."""

    name, feature_dim, passes = "train", 64, 0

    def batches(self, rows: int) -> Iterator[Batch]:
        self.passes += 1
        for start in range(0, 80_000, rows):
            numbers = np.arange(start, min(start + rows, 80_000))
            yield Batch(FEATURES[numbers % len(FEATURES)], numbers.astype(np.float32))


def test_a_channel_of_several_windows_is_read_once_and_every_epoch_has_all_rows() -> None:
    channel = _InMemory()
    batches = MiniBatches(channel, 1000, seed=2, window_bytes=9 * MIB)
    for _ in range(3):
        seen = []
        for batch in batches.epoch():
            assert batch.labels is not None
            numbers = batch.labels.astype(int)
            np.testing.assert_array_equal(batch.features, FEATURES[numbers % len(FEATURES)])
            seen.append(numbers)
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(80_000))
    assert channel.passes == 1
