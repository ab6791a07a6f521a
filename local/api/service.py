"""What the operations work with: the state, the resources, and what runs besides."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from local.api.executions import Executions
from local.api.jobs import Jobs
from local.arns import now
from local.bus import EventBus
from local.endpoints.manager import EndpointManager
from local.resources import Resources, Tags
from local.schedules import Schedules
from local.state import State

_SETTLE_PAUSE = 0.05
_CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Service:
    """The service's parts.

    Attributes:
        state: the state directory, opened with write=True.
        records: its rows.
        resources: the resources that are mere records.
        tags: tags by ARN.
        events: where changes of state are told (EventBridge's place).
        executions: what runs the executions of pipelines.
        jobs: what runs jobs outside of executions.
        endpoints: what runs the endpoints.
        schedules: what starts executions at their times (EventBridge Scheduler's place).
        url: where the service listens; "" before it does.
        clock: returns the time as ISO 8601 text.

    """

    def __init__(self, state: State, clock: Callable[[], str] = now):
        state.require_writer()
        self.state = state
        self.records = state.records
        self.resources = Resources(state.records)
        self.tags = Tags(state.records)
        self.url = ""
        self.clock = clock
        self._own = threading.local()
        self.events = EventBus(self)
        places = threading.Semaphore(os.cpu_count() or 1)
        self.executions = Executions(self, places)
        self.jobs = Jobs(self, places)
        self.endpoints = EndpointManager(state, self)
        self.schedules = Schedules(self)

    def restore(self) -> None:
        """Go on with what was under way when the service ended last."""
        self.endpoints.restore()
        self.jobs.restore()
        self.executions.restore()
        self.events.deliver()
        self.schedules.restore()

    def close(self) -> None:
        """End what is under way, so that `restore` can go on with it later."""
        self.schedules.close()
        self.events.close()
        self.executions.close()
        self.jobs.close()
        self.endpoints.close()

    def settle(self, seconds: float) -> str | None:
        """Wait until no function runs and no endpoint changes; return why a function failed, or None.

        Args:
            seconds: how long to wait at most.

        """
        until = time.monotonic() + seconds
        while not self._settled() and time.monotonic() < until:
            time.sleep(_SETTLE_PAUSE)
        return self.events.last_failure()

    def _settled(self) -> bool:
        changing = any(item.status in _CHANGING for item in self.resources.all("endpoint"))
        return self.events.idle() and not changing

    def alarms(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the PutMetricAlarm requests of those alarms that exist, among these names.

        Raises:
            LocalError: they are elsewhere, and cannot be asked for.

        """
        there = self.events.aws
        if there is not None:
            return there.alarms(names)
        found = [self.resources.get("alarm", name) for name in names]
        return [item.request for item in found if item is not None]

    def later(self, action: Callable[[], Any]) -> None:
        """Do something once the operation's changes are written, in this thread; at once outside of one."""
        waiting: list[Callable[[], Any]] | None = getattr(self._own, "waiting", None)
        if waiting is None:
            action()
        else:
            waiting.append(action)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make the changes within one transaction, then do what `later` was given."""
        if getattr(self._own, "waiting", None) is not None:
            yield
            return
        waiting: list[Callable[[], Any]] = []
        self._own.waiting = waiting
        try:
            with self.records.transaction():
                yield
        finally:
            self._own.waiting = None
        for action in waiting:
            action()
