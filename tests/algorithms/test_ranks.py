"""Several processes of one job: what they add up, and how they end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from algorithms.errors import CustomerError
from algorithms.ranks import Ranks, most_processes, shared_zeros

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs divide on Linux alone")

SIZES = (2, 3)


def blas_threads() -> list[int]:
    return [blas["num_threads"] for blas in ThreadpoolController().select(user_api="blas").info()]


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.mark.parametrize("size", SIZES)
def test_sums_are_those_of_all_processes_and_the_same_in_each(size: int) -> None:
    found = shared_zeros((size, 3000))
    parts = np.random.default_rng(1).normal(size=(size, 3000)).astype(np.float32)
    with Ranks() as ranks:
        ranks.fork(size, parts[0].nbytes)
        for _ in range(300):  # each sum from rooms that earlier ones were made of
            total = ranks.sum(parts[ranks.rank])
        found[ranks.rank] = total
        ranks.wait()
        ranks.end()
    expected = parts[0] + parts[1]
    for more in parts[2:]:
        expected = expected + more
    np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


def test_sums_of_several_shapes_and_dtypes_take_turns() -> None:
    found = shared_zeros((2, 3))
    with Ranks() as ranks:
        ranks.fork(2, 1000)
        mine = ranks.rank + 1
        for _ in range(3):
            wide = ranks.sum(np.full((5, 7), mine, np.float32))
            narrow = ranks.sum(np.array([mine * 1e-9, mine], np.float64))
        found[ranks.rank] = wide[4, 6], narrow[0] * 1e9, narrow[1]
        ranks.wait()
        ranks.end()
    np.testing.assert_array_equal(found, np.full((2, 3), 3, np.float32))


def test_the_first_process_decides() -> None:
    found = shared_zeros((2, 2))
    with Ranks() as ranks:
        ranks.fork(2, 1000)
        first = ranks.rank == 0
        found[ranks.rank] = ranks.agreed(first), ranks.agreed(not first)
        ranks.wait()
        ranks.end()
    np.testing.assert_array_equal(found, [[1, 0], [1, 0]])


def test_alone_a_process_is_the_sum_and_decides() -> None:
    with Ranks() as ranks:
        assert (ranks.rank, ranks.size) == (0, 1)
        assert ranks.sum(np.arange(3.0)).tolist() == [0, 1, 2]
        assert ranks.agreed(True)
        assert not ranks.agreed(False)
        ranks.wait()
        ranks.end()


def test_blas_has_one_thread_in_each_process_and_its_own_number_again_behind_them() -> None:
    before, found = blas_threads(), shared_zeros((2, 1))
    with Ranks() as ranks:
        ranks.fork(2, 1000)
        found[ranks.rank] = max(blas_threads())
        ranks.wait()
        ranks.end()
    assert found.tolist() == [[1], [1]]
    assert blas_threads() == before


def test_nothing_is_printed_twice(capfd: pytest.CaptureFixture[str]) -> None:
    with Ranks() as ranks:
        ranks.fork(2, 1000)
        os.write(1, b"said\n")
        ranks.wait()
        ranks.end()
    assert capfd.readouterr().out == "said\n"


def test_a_process_that_fails_is_named_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def fail_in_one() -> None:
        with Ranks() as ranks:
            ranks.fork(3, 1000)
            ranks.wait()
            if ranks.rank == 1:
                raise MemoryError("no room for the scores")
            ranks.wait()

    with pytest.raises(ChildProcessError, match=r"process 2 of the 3 .* ended with exit code 1"):
        fail_in_one()
    assert "MemoryError: no room for the scores" in capfd.readouterr().err
    assert not children()


def test_a_process_that_is_killed_is_named_with_the_signal() -> None:
    def kill_one() -> None:
        with Ranks() as ranks:
            ranks.fork(2, 1000)
            if ranks.rank:
                os.kill(os.getpid(), signal.SIGKILL)
            ranks.wait()

    with pytest.raises(ChildProcessError, match=r"process 2 of the 2 .* got SIGKILL"):
        kill_one()
    assert not children()


@pytest.mark.parametrize("error", [CustomerError("all diverged"), KeyboardInterrupt()])
def test_what_stops_the_first_process_ends_all_without_another_word(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    before = blas_threads()

    def stop() -> None:
        with Ranks() as ranks:
            ranks.fork(2, 1000)
            if ranks.rank == 0:
                raise error
            ranks.wait()

    with pytest.raises(type(error)):
        stop()
    assert capfd.readouterr().err == ""
    assert not children()
    assert blas_threads() == before


def test_a_system_without_room_leaves_one_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = blas_threads()
    with Ranks() as ranks:
        monkeypatch.setattr(os, "fork", refuse)
        with pytest.raises(BlockingIOError):
            ranks.fork(2, 1000)
        assert ranks.size == 1
        assert blas_threads() == before
        assert ranks.sum(np.arange(3.0)).tolist() == [0, 1, 2]


def test_processes_whose_first_one_is_killed_do_not_stay() -> None:
    script = (
        "import os, sys, time\n"
        "from algorithms.ranks import Ranks\n"
        "with Ranks() as ranks:\n"
        "    ranks.fork(2, 1000)\n"
        "    if ranks.rank == 0:\n"
        "        print(*ranks._children, flush=True)\n"
        "        time.sleep(60)\n"
        "    ranks.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        assert Path(f"/proc/{other}").exists()
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while Path(f"/proc/{other}").exists():
            assert time.monotonic() < deadline, "it waits for a process that is gone"
            time.sleep(0.01)


@pytest.mark.parametrize(("threads", "expected"), [("1", 1), ("2", min(2, len(os.sched_getaffinity(0))))])
def test_as_many_processes_as_blas_may_use_threads(threads: str, expected: int) -> None:
    script = "import numpy; from algorithms.ranks import most_processes; print(most_processes())"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
    found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert int(found.stdout) == expected


def test_another_processor_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert most_processes() == 1
