"""Executions that the service runs: one thread each, all sharing the machine's cores."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING

from local.arns import now
from local.control import Control
from local.events import Event
from local.executor import resume
from local.worker import JOB_STOPPED, STOPPED

if TYPE_CHECKING:
    from local.api.service import Service

log = logging.getLogger(__name__)

STATUS_EVENT = "SageMaker Model Building Pipeline Execution Status Change"
STEP_EVENT = "SageMaker Model Building Pipeline Execution Step Status Change"
CLOSED = "the service was shut down; it goes on with this execution when it runs again"


class Executions:
    """Starts, stops and goes on with executions."""

    def __init__(self, service: Service, places: threading.Semaphore):
        self._service = service
        self._places = places
        self._running: dict[str, tuple[Control, threading.Thread]] = {}
        self._lock = threading.Lock()

    def start(self, execution: str) -> None:
        """Start (or go on with) an execution that is recorded, once the change under way is written."""
        self._service.records.update_execution(
            execution, status="Executing", failure_reason=None, ended=None, interrupted=0
        )
        control = Control(places=self._places)
        thread = threading.Thread(target=self._run, args=(execution, control), name=execution, daemon=True)
        with self._lock:
            self._running[execution] = (control, thread)
        self._service.later(thread.start)

    def _run(self, execution: str, control: Control) -> None:
        records = self._service.records
        try:
            limits = json.loads(records.execution(execution)["request"] or "{}").get(
                "ParallelismConfiguration"
            )
            resume(
                self._service.state,
                execution,
                on_event=self._tell,
                max_parallel=(limits or {}).get("MaxParallelExecutionSteps"),
                control=control,
            )
        except Exception as error:
            # The thread is the execution's own: nobody above could hear of it.
            log.exception("execution %s cannot go on", execution)
            reason = f"the execution cannot go on: {error}"
            with records.transaction():
                records.stop_open_steps(execution, reason)
                records.update_execution(execution, status="Failed", failure_reason=reason, ended=now())
        finally:
            with self._lock:
                if self._running[execution][0] is control:  # not started anew meanwhile
                    del self._running[execution]

    def stop(self, execution: str) -> None:
        """Stop an execution, once the change under way is written."""
        with self._lock:
            control = self._running[execution][0] if execution in self._running else None
        if control is not None:
            self._service.records.update_execution(execution, status="Stopping")
            self._service.later(control.stop)
        else:  # left over from a service that was killed, and not gone on with by this one
            self._service.records.stop_open_steps(execution, STOPPED)
            self._service.records.update_execution(
                execution, status="Stopped", failure_reason=STOPPED, ended=now(), interrupted=0
            )

    def stop_job(self, execution: str, job: str) -> None:
        """Stop one job of an execution, once the change under way is written; its step fails by that."""
        with self._lock:
            control = self._running[execution][0] if execution in self._running else None
        if control is not None:
            self._service.records.update_job(job, status="Stopping", modified=now())
            self._service.later(lambda: control.stop_job(job))
        else:  # left over from a service that was killed
            self._service.records.update_job(job, status="Stopped", exit_reason=JOB_STOPPED, ended=now())

    def restore(self) -> None:
        """Go on with what was under way when the service ended."""
        for row in self._service.records.rows("SELECT id FROM executions WHERE interrupted = 1"):
            with self._service.change():
                self.start(row["id"])

    def close(self) -> None:
        """End all jobs; the executions are marked as interrupted, not as stopped by anybody."""
        with self._lock:
            under_way = dict(self._running)
        asked = {
            row["id"]
            for row in self._service.records.rows("SELECT id FROM executions WHERE status = 'Stopping'")
        }
        for control, _ in under_way.values():
            control.stop(0)
        for execution, (_, thread) in under_way.items():
            if thread.is_alive():  # one whose change was not written was never started
                thread.join()
            row = self._service.records.execution(execution)
            if row["status"] == "Stopped" and execution not in asked:
                self._service.records.update_execution(execution, interrupted=1, failure_reason=CLOSED)

    def _tell(self, event: Event) -> None:
        """Tell the bus what the service tells EventBridge."""
        records = self._service.records
        row = records.execution(event.execution)
        common = {"pipelineExecutionArn": row["arn"], "pipelineArn": row["arn"].partition("/execution/")[0]}
        if event.step == "":
            self._service.events.put(
                STATUS_EVENT, {**common, "currentPipelineExecutionStatus": event.status}, (row["arn"],)
            )
        elif event.type == "RegisterModel" and event.kind == "step-succeeded":
            from local.api.operations.model_packages import announce

            step = next(step for step in records.steps(event.execution) if step["name"] == event.step)
            announce(self._service, json.loads(step["properties"])["ModelPackageArn"])
