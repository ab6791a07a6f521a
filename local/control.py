"""How an execution that is under way, or one of its jobs, is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Protocol

from local.errors import StoppedError

STOP_GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL when an execution is stopped."""

OVERTIME_GRACE = 120.0
"""Seconds between SIGTERM and SIGKILL when MaxRuntimeInSeconds is over: the service's own 120."""


_PLACE_SECONDS = 0.2


class Stoppable(Protocol):
    """Something under way that can be ended."""

    def stop(self, grace: float) -> None:
        """Send SIGTERM now and SIGKILL after `grace` seconds; return at once."""
        ...


class Control:
    """Stops one execution, from any thread.

    Attributes:
        stop_grace: seconds that jobs get to end after SIGTERM when the execution is stopped.
        overtime_grace: seconds that a job gets after SIGTERM when its MaxRuntimeInSeconds is over.
        places: how many jobs may run side by side, where several executions share the machine.

    The control of one of its jobs is made by `for_job`: it is stopped alone, or with the execution `above`.

    """

    def __init__(
        self,
        stop_grace: float = STOP_GRACE,
        overtime_grace: float = OVERTIME_GRACE,
        places: threading.Semaphore | None = None,
        above: Control | None = None,
    ):
        self.places = places
        self._above = above
        self._jobs: dict[str, Control] = {}
        self.stop_grace = stop_grace
        self.overtime_grace = overtime_grace
        self.results: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: set[Stoppable] = set()

    @property
    def stopping(self) -> bool:
        """Whether the execution (or this job of it) is being stopped."""
        return self._stopping.is_set() or (self._above is not None and self._above.stopping)

    def for_job(self, name: str) -> Control:
        """Return the control of one job."""
        made = Control(self.stop_grace, self.overtime_grace, self.places, self)
        with self._lock:
            self._jobs[name] = made
        return made

    def stop_job(self, name: str) -> None:
        """End one job and nothing else, if it was ever started."""
        with self._lock:
            job = self._jobs.get(name)
        if job is not None:
            job.stop()

    def stop(self, grace: float | None = None) -> None:
        """End every job that is under way and start no more; called again, `grace` counts anew (0 kills)."""
        self._stopping.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            process.stop(self.stop_grace if grace is None else grace)
        self.results.put(None)  # wakes the executor up

    def add(self, process: Stoppable) -> None:
        """Include a process that was just started; it is stopped at once where the execution is."""
        with self._lock:
            self._running.add(process)
        if self._above is not None:
            self._above.add(process)
        if self.stopping:
            process.stop(self.stop_grace)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places for a job, waiting for it.

        Raises:
            StoppedError: the execution was stopped meanwhile.

        """
        if self.places is None:
            yield
            return
        while not self.places.acquire(timeout=_PLACE_SECONDS):
            if self.stopping:
                raise StoppedError
        try:
            yield
        finally:
            self.places.release()

    def discard(self, process: Stoppable) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running.discard(process)
        if self._above is not None:
            self._above.discard(process)
