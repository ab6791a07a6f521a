"""What happens to an execution's steps: recorded first, then told."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from local.arns import now
from local.events import Event, OnEvent
from local.graph import Node
from local.records import Records


class Ledger:
    """The records and the listener of one execution under way.

    Attributes:
        on_event: told what happens; None for nobody.

    """

    def __init__(self, records: Records, execution: str, pipeline: str, on_event: OnEvent | None):
        self.on_event = on_event
        self._records = records
        self._execution = execution
        self._pipeline = pipeline
        self._began = time.monotonic()
        self._started: dict[str, float] = {}

    # --- steps ----------------------------------------------------------------------------------------

    def has_started(self, step: str) -> bool:
        """Return whether a step was started in this process."""
        return step in self._started

    def elapsed(self, step: str) -> float:
        """Return the seconds since a step was first started in this process."""
        return time.monotonic() - self._started[step]

    def start(self, node: Node) -> None:
        """Record that a step starts."""
        self._started[node.name] = time.monotonic()
        self._records.start_step(self._execution, self._pipeline, node.name, node.type)

    def note(self, node: Node, **columns: object) -> None:
        """Record something about a step that is under way."""
        self._records.update_step(self._execution, node.name, **columns)

    def succeed(self, node: Node, properties: Mapping[str, Any], **columns: object) -> None:
        """Record that a step succeeded; `told_success` tells it, when the transaction is through."""
        self.note(
            node,
            status="Succeeded",
            ended=now(),
            properties=json.dumps(properties),
            failure_reason=None,
            **columns,
        )

    def fail(self, node: Node, reason: str) -> None:
        """Record and tell that a step failed."""
        self.note(node, status="Failed", ended=now(), failure_reason=reason)
        self.tell_step("step-failed", node, "Failed", reason)

    def stop(self, node: Node, reason: str) -> None:
        """Record and tell that a step was stopped."""
        self.note(node, status="Stopped", ended=now(), failure_reason=reason)
        self.tell_step("step-stopped", node, "Stopped", reason)

    # --- the execution --------------------------------------------------------------------------------

    def begin_execution(self) -> None:
        """Tell that the execution starts, or goes on."""
        self._tell("execution-started", "Executing", "")

    def stopping_execution(self) -> None:
        """Record that the execution is being stopped."""
        self._records.update_execution(self._execution, status="Stopping")

    def end_execution(self, status: str, reason: str | None) -> None:
        """Record and tell how the execution ended; steps that are still open are Stopped with it."""
        with self._records.transaction():
            self._records.stop_open_steps(self._execution, reason)
            self._records.update_execution(self._execution, status=status, failure_reason=reason, ended=now())
        self._tell("execution-ended", status, reason or "")

    # --- telling --------------------------------------------------------------------------------------

    def tell_step(
        self, kind: str, node: Node, status: str, message: str = "", *, outcome: str = "", log: str = ""
    ) -> None:
        """Tell the listener about a step."""
        if self.on_event:
            seconds = self.elapsed(node.name)
            self.on_event(
                Event(kind, self._execution, node.name, node.type, status, seconds, message, outcome, log)
            )

    def _tell(self, kind: str, status: str, message: str) -> None:
        if self.on_event:
            seconds = time.monotonic() - self._began
            self.on_event(Event(kind, self._execution, status=status, seconds=seconds, message=message))
