"""One job in several processes, each of which runs the same program on its own part of the data.

The form is MPI's: `fork` returns in every process, each has a rank, and all call the same operations in the
same order. An operation adds up what the processes contribute, in the order of their ranks and in every
process for itself, so that all have the same bits.

A sum costs some 10 µs where each process has a core: contributions lie in shared memory, beside the number of
the last sum that each process has contributed to, and who is early looks at the others' numbers. That is
sound where a processor's stores are seen in their order: on x86, not on ARM.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
import traceback
import warnings
from contextlib import ExitStack
from mmap import PAGESIZE, mmap
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from algorithms.errors import CustomerError

Array = npt.NDArray[Any]
Some = TypeVar("Some", bound=Array)

_STRIDE = 16
"""Numbers of 8 bytes from one process's to the next: two cache lines, since they are fetched in pairs."""
_LOOKS = 2000
"""So often the others' numbers are looked at without a pause, some 0.1 ms."""
_PAUSE_S = 2e-5
"""Then the core is left to others: where the processes share one, none could go on otherwise."""
_CHECKED_EVERY = 500
"""Pauses between checks whether the other processes are still there: some 40 ms."""


class Ranks:
    """The processes of one job, as a context manager; a single one until `fork`.

    rank: 0 is the process that was there first; it alone goes on behind `end`, and leaves the context. size:
    how many there are.
    """

    def __init__(self) -> None:
        self.rank, self.size = 0, 1
        self._first = os.getpid()
        self._children: dict[int, int] = {}  # process → rank
        self._steps = 0
        self._threads = ExitStack()

    def __enter__(self) -> Ranks:
        return self

    def fork(self, size: int, most_bytes: int) -> None:
        """Return in `size` processes, each with one BLAS thread.

        most_bytes: of one contribution to a sum. Raises OSError, in one process as before, where the system
        has no room for more.
        """
        from threadpoolctl import ThreadpoolController  # its import takes 3 ms, which small jobs do not have

        assert self.size == 1, "a job divides once"
        self._board = _Board(size, most_bytes)
        # Before the fork: to be told afterwards, a process's BLAS would start its threads first.
        limit = ThreadpoolController().limit(limits=1, user_api="blas")
        self._threads.callback(limit.restore_original_limits)
        self.size = size
        try:
            for rank in range(1, size):
                if not self._forked(rank):
                    break
        except OSError:
            self._kill()
            self.end()
            raise
        self._numbers, self._mine = self._board.numbers, self.rank * _STRIDE
        self._others = [place * _STRIDE for place in range(size) if place != self.rank]

    def room(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Array:
        """Return memory for this process's contribution to the next `total`."""
        return self._board.rooms(self._steps & 1, shape, np.dtype(dtype))[self.rank]

    def total(self, out: Some) -> Some:
        """Write the sum of all processes' contributions, which `room` was asked for in this shape and dtype.

        Raises ChildProcessError where another process has ended.
        """
        rooms = self._board.rooms(self._steps & 1, out.shape, out.dtype)
        self._steps += 1
        # Two rooms in turn: none is written again before all have been beyond the sum that read it.
        self._numbers[self._mine] = self._steps
        for place in self._others:
            if self._numbers[place] < self._steps:
                self._wait(place)
        np.add(rooms[0], rooms[1], out=out)
        for more in rooms[2:]:
            np.add(out, more, out=out)
        return out

    def sum(self, contribution: Some) -> Some:
        """Return the sum of what each process calls this with; alone, that itself."""
        if self.size == 1:
            return contribution
        self.room(contribution.shape, contribution.dtype)[...] = contribution
        return self.total(np.empty_like(contribution))

    def wait(self) -> None:
        """Wait until all processes have come so far."""
        self.sum(np.zeros(1, np.float32))

    def agreed(self, decision: bool) -> bool:
        """Return what the first process has decided; all have come so far when any goes on."""
        return bool(self.sum(np.array([decision and self.rank == 0], np.float32))[0])

    def end(self) -> None:
        """End all processes but the first, which has its BLAS threads again."""
        if self.rank:
            os._exit(0)
        self._threads.close()
        self.size = 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.rank:
            if kind is not None and not issubclass(kind, CustomerError):  # which the first raises as well
                traceback.print_exception(kind, error, trace)
            sys.stderr.flush()
            os._exit(1)
        if kind is not None:
            self._kill()
        self._threads.close()
        for process in list(self._children):
            self._reap(process, 0)

    def _forked(self, rank: int) -> bool:
        """Return whether this is still the first process, and not the new one."""
        # Ctrl-C reaches all processes of a terminal; the first one answers it for all.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with warnings.catch_warnings():
                # From Python 3.12 on: a fork with threads. BLAS provides for it, ours hold no locks.
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
            if process:
                self._children[process] = rank
                return True
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                # What each would print alike, the first one prints.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            self.rank, self._children = rank, {}
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)

    def _wait(self, place: int) -> None:
        looks = 0
        while self._numbers[place] < self._steps:
            looks += 1
            if looks > _LOOKS:
                time.sleep(_PAUSE_S)
                if looks % _CHECKED_EVERY == 0:
                    self._check()

    def _check(self) -> None:
        if self.rank:
            if os.getppid() != self._first:  # killed: nobody waits for what this process does
                os._exit(1)
            return
        for process in list(self._children):
            self._reap(process, os.WNOHANG)

    def _reap(self, process: int, options: int) -> None:
        """Take note of a process's end; raise ChildProcessError if it ended before its time."""
        ended, status = os.waitpid(process, options)
        if not ended:
            return
        rank, code = self._children.pop(process), os.waitstatus_to_exitcode(status)
        if code or self.size > 1:
            why = f"ended with exit code {code}" if code >= 0 else f"got {signal.Signals(-code).name}"
            raise ChildProcessError(
                f"process {rank + 1} of the {len(self._others) + 1} that this job had divided into {why}; "
                "what it wrote to stderr says more, and if that is nothing, the memory may have been short"
            )

    def _kill(self) -> None:
        for process in self._children:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self._children = {}


class _Board:
    """Shared memory: the number of each process's last contribution, and two rooms for each to contribute."""

    def __init__(self, size: int, most_bytes: int) -> None:
        self._size, self._most = size, -(-most_bytes // PAGESIZE) * PAGESIZE
        self._begin = -(-8 * _STRIDE * size // PAGESIZE) * PAGESIZE
        self._memory = mmap(-1, self._begin + 2 * size * self._most)
        self.numbers = memoryview(self._memory)[: 8 * _STRIDE * size].cast("q")
        self._known: dict[tuple[int, tuple[int, ...], np.dtype[Any]], list[Array]] = {}

    def rooms(self, turn: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Array]:
        """Return the rooms of all processes for contributions of one form."""
        key = (turn, shape, dtype)
        found = self._known.get(key)
        if found is None:
            places = range(turn, 2 * self._size, 2)
            found = self._known[key] = [self._room(place, shape, dtype) for place in places]
        return found

    def _room(self, place: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        count = int(np.prod(shape))
        assert count * dtype.itemsize <= self._most, "a contribution is larger than was said"
        return np.frombuffer(self._memory, dtype, count, self._begin + place * self._most).reshape(shape)


def shared_zeros(shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return a C-ordered float32 array of zeros that all processes forked later see and may write to."""
    rows, width = shape
    memory = mmap(-1, max(4 * rows * width, 1))
    return np.frombuffer(memory, np.float32, rows * width).reshape(shape)


def most_processes() -> int:
    """Return in how many processes a job could use what it may: as many as BLAS would use threads.

    1 where that is not known to work: another system, processor or BLAS.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return 1
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").info()
    if not found or any(blas["internal_api"] != "openblas" for blas in found):
        return 1
    return int(min(len(os.sched_getaffinity(0)), *(blas["num_threads"] for blas in found)))
