"""What the operations work with: the state, the resources, and what runs besides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from local.arns import now
from local.bus import EventBus
from local.resources import Resources, Tags
from local.state import State

if TYPE_CHECKING:
    from local.endpoints.manager import EndpointManager


class Service:
    """The service's parts.

    Attributes:
        state: the state directory, opened with write=True.
        records: its rows.
        resources: the resources that are mere records.
        tags: tags by ARN.
        events: where changes of state are told (EventBridge's place).
        endpoints: what runs the endpoints.
        url: where the service listens; "" before it does.
        clock: returns the time as ISO 8601 text.

    """

    endpoints: EndpointManager

    def __init__(self, state: State, clock: Callable[[], str] = now):
        state.require_writer()
        self.state = state
        self.records = state.records
        self.resources = Resources(state.records)
        self.tags = Tags(state.records)
        self.events = EventBus(self)
        self.url = ""
        self.clock = clock
        self._own = threading.local()

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
