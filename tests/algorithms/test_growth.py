"""Training streams its channel: what a job holds in memory does not depend on how long the channel is."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from algorithms import mini_batches
from algorithms.base import CSV, RECORDIO, Batch
from algorithms.mini_batches import MiniBatches
from algorithms.scratch import Scratch, Segment, follows, is_mapped, laid_down
from algorithms.two_threads import share
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
    limit = 150 * MIB
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
    """Four times the rows, 30 MiB more: what grows is the order of a window while it is shuffled."""
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
    assert peaks[1] - peaks[0] < 8 * MIB


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


def test_rows_of_a_segment_are_written_as_they_are_strided() -> None:
    segment = Segment(4, 2)
    np.testing.assert_array_equal(segment.append(FEATURES[:8:2, 5:1:-2]), FEATURES[:8:2, 5:1:-2])


def test_rows_are_put_where_it_is_said() -> None:
    segment = Segment(7, 64)
    segment.put(5, FEATURES[:2])
    segment.put(1, FEATURES[2:8:2, ::-1])
    expected = np.zeros((7, 64), np.float32)
    expected[5:], expected[1:4] = FEATURES[:2], FEATURES[2:8:2, ::-1]
    np.testing.assert_array_equal(segment.whole, expected)


def test_a_disk_that_fills_up_while_rows_are_shuffled_fails_the_job_with_the_reason(
    container: Containers,
) -> None:
    job = container("factorization-machines")
    job.add_file("train", encode_dense(FEATURES, LABELS) * 2, RECORDIO)
    job.configure(MACHINES)
    with job.start("train") as process:
        # Like a full disk, without one: no file may grow beyond 8 MB; the shuffled rows have 10.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
        process.communicate(timeout=60)
    assert process.returncode == 1
    assert job.failure == "factorization-machines could not go on: [Errno 27] File too large"
    assert not job.model.exists()


def test_blocks_are_laid_down_and_given_back_in_multiples() -> None:
    blocks = [FEATURES[start:stop] for start, stop in [(0, 7), (7, 7), (7, 30), (30, 31), (31, 55)]]
    stretches = list(laid_down(blocks, 10))
    assert [len(stretch) for stretch in stretches] == [30, 20, 5]
    assert all(follows(first, second) for first, second in pairwise(stretches))
    np.testing.assert_array_equal(np.concatenate(stretches), FEATURES[:55])
    assert list(laid_down([], 10)) == []


class _InMemory:
    """A channel that counts its passes."""

    name, feature_dim, passes = "train", 64, 0

    def __init__(self, rows: int = 80_000) -> None:
        self.count = rows

    def batches(self, rows: int) -> Iterator[Batch]:
        self.passes += 1
        for start in range(0, self.count, rows):
            numbers = np.arange(start, min(start + rows, self.count))
            yield Batch(FEATURES[numbers % len(FEATURES)], numbers.astype(np.float32))


class _Mapped(_InMemory):
    """A channel whose rows lie in mapped files, two of them, each given out in many pieces."""

    def batches(self, rows: int) -> Iterator[Batch]:
        self.passes += 1
        for half in range(2):
            numbers = np.arange(half * 40_000, (half + 1) * 40_000)
            for stretch in laid_down([FEATURES[numbers % len(FEATURES)]], 40_000):
                for start in range(0, 40_000, rows):
                    labels = numbers[start : start + rows].astype(np.float32)
                    yield Batch(stretch[start : start + rows], labels)


@pytest.mark.parametrize("window_rows", [mini_batches.WINDOW_ROWS, 10_000])
@pytest.mark.parametrize(
    "channel",
    [_InMemory(), _InMemory(72_000), _Mapped()],
    ids=["in memory", "the last window is full", "mapped"],
)
def test_a_channel_of_several_windows_is_read_once_and_every_epoch_has_all_rows(
    channel: _InMemory, window_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mini_batches, "WINDOW_ROWS", window_rows)
    channel.passes = 0
    batches = MiniBatches(channel, 1000, seed=2, window_bytes=9 * MIB)
    for _ in range(3):
        seen = []
        for batch in batches.epoch():
            assert batch.labels is not None
            numbers = batch.labels.astype(int)
            np.testing.assert_array_equal(batch.features, FEATURES[numbers % len(FEATURES)])
            seen.append(numbers)
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(channel.count))
    assert channel.passes == 1


def test_two_threads_share_all_items_and_tell_the_first_failure() -> None:
    done: list[int] = []
    share(done.append, range(1000))
    assert sorted(done) == list(range(1000))
    tried: list[int] = []

    def work(item: int) -> None:
        tried.append(item)
        if item >= 10:
            raise OSError(item)

    with pytest.raises(OSError, match=r"1[01]"):
        share(work, range(1000))
    assert len(tried) <= 12, "after a failure nothing more is begun"


def test_both_threads_are_silent_about_what_the_caller_silenced() -> None:
    threads: set[str] = set()

    def work(_: int) -> None:
        threads.add(threading.current_thread().name)
        time.sleep(0.001)
        np.float32(3e38) * np.float32(3e38)

    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        share(work, range(50))
    assert len(threads) == 2


class _Wide(_InMemory):
    """Rows of 4,096 features; remembers how many it was asked for at once."""

    feature_dim, sparse = 4096, False
    asked = 0

    def batches(self, rows: int) -> Iterator[Batch]:
        self.asked = rows
        for batch in super().batches(rows):
            assert batch.labels is not None
            yield Batch(np.repeat(batch.labels[:, None], self.feature_dim, axis=1), batch.labels)


@pytest.mark.parametrize(
    ("rows", "asked"), [(100, 200), (1000, 250), (960, 240), (997, 997)], ids=["narrow", "parts", "", "prime"]
)
def test_a_wide_mini_batch_is_read_in_parts_and_handed_out_whole(rows: int, asked: int) -> None:
    channel = _Wide(5300)
    batches = MiniBatches(channel, rows, seed=2, window_bytes=40 * MIB)
    for _ in range(2):
        seen = []
        for batch in batches.epoch():
            assert batch.labels is not None
            np.testing.assert_array_equal(batch.features[:, -1], batch.labels)
            seen.append(batch.labels)
        assert sorted(map(len, seen)) == sorted([5300 % rows] * (5300 % rows > 0) + [rows] * (5300 // rows))
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(5300))
    assert channel.asked == asked
