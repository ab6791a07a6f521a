"""Serverless variants: a process that starts at the first request and stops when no more come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from local.endpoints.connection import Answer, Request
from local.endpoints.errors import throttled
from local.endpoints.specification import Specification
from local.endpoints.timing import Timing
from local.endpoints.variant import Place, Variant

_LOOKS_PER_IDLE_TIME = 5


class ServerlessVariant(Variant):
    """A variant with at most one process, which answers `concurrency` requests at a time.

    Attributes:
        concurrency: its MaxConcurrency; what comes beyond is throttled.
        provisioned: whether its process is kept without requests (ProvisionedConcurrency).

    """

    def __init__(
        self,
        name: str,
        specification: Specification,
        place: Place,
        timing: Timing,
        *,
        weight: float,
        concurrency: int,
        provisioned: bool = False,
        threads: int = 1,
    ):
        super().__init__(name, specification, place, timing, weight=weight, desired=1, threads=threads)
        self.concurrency = concurrency
        self.provisioned = provisioned
        self._busy = 0
        self._last_used = time.monotonic()
        self._gate = threading.Lock()

    @property
    def can_serve(self) -> bool:
        """Whether a request would be answered: always, since it starts the process."""
        return True

    async def exchange(self, request: Request, timeout: float) -> Answer:
        """Send a request, starting the process where there is none.

        Raises:
            InvocationError: ThrottlingException: as many as MaxConcurrency are under way; else as `Variant`.

        """
        with self._gate:
            if self.left:
                raise self._gone()
            if self._busy >= self.concurrency:
                raise throttled(self.name, self.concurrency)
            self._busy += 1
            if not self.instances or self.failure:
                self._start_process()
        try:
            return await super().exchange(request, timeout)
        finally:
            with self._gate:
                self._busy -= 1
                self._last_used = time.monotonic()

    def leave(self) -> None:
        """Go out of service; no request starts a process any more."""
        with self._gate:
            super().leave()

    def wait_until_ready(self, given_up: Callable[[], bool]) -> None:
        """Start the process once, to know that the model can be served; keep it only where provisioned."""
        super().wait_until_ready(given_up)
        if self.provisioned:
            return
        with self._gate:
            if self._busy:
                self._watch()
            else:
                self.scale(0)
        self.retire(0)

    def _start_process(self) -> None:
        self.scale(0)
        self.scale(1)
        if not self.provisioned:
            self._watch()

    def _watch(self) -> None:
        self._last_used = time.monotonic()
        threading.Thread(target=self._stop_when_idle, name=f"idle {self.name}", daemon=True).start()

    def _stop_when_idle(self) -> None:
        mine = self.instances
        while self.instances is mine:
            time.sleep(self._timing.serverless_idle / _LOOKS_PER_IDLE_TIME)
            with self._gate:
                idle = time.monotonic() - self._last_used > self._timing.serverless_idle
                if self.instances is mine and not self._busy and idle:
                    self.scale(0)
        self.retire(0)
