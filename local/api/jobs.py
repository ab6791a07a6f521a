"""Jobs that were asked for by themselves, outside of any execution: one thread each."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.arns import now
from local.containers import built_in
from local.control import Control
from local.jobs.job import Job
from local.worker import JOB_STOPPED, Outcome, execute

if TYPE_CHECKING:
    from local.api.service import Service


class Jobs:
    """Starts and stops jobs; after a restart, runs anew those that were under way."""

    def __init__(self, service: Service, places: threading.Semaphore):
        self._service = service
        self._places = places
        self._running: dict[str, tuple[Control, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._closing = False

    def start(self, kind: str, step_type: str, name: str, request: Mapping[str, Any]) -> None:
        """Record a job and start it, once the change under way is written.

        Args:
            kind: as in the ARN, such as training-job.
            step_type: Training, Processing or Transform.
            name: the job's name.
            request: the Create request.

        """
        self._service.records.add_job(name, kind, None, None, request, self._service.state.log_file(name))
        self._launch(step_type, name, request)

    def _launch(self, step_type: str, name: str, request: Mapping[str, Any]) -> None:
        control = Control(places=self._places)
        job = Job(self._service.state, control, built_in(), name, name, request, 1)
        thread = threading.Thread(target=self._run, args=(job, step_type), name=name, daemon=True)
        with self._lock:
            self._running[name] = (control, thread)
        self._service.later(thread.start)

    def _run(self, job: Job, step_type: str) -> None:
        name = job.name
        outcome = execute(job, step_type)
        with self._lock:
            del self._running[name]
        if not (self._closing and outcome.stopped):
            self._record(name, outcome)

    def _record(self, name: str, outcome: Outcome) -> None:
        self._service.records.update_job(
            name,
            status=outcome.status,
            exit_reason=JOB_STOPPED if outcome.stopped else outcome.reason,
            ended=now(),
            description=json.dumps(outcome.properties or {}),
        )

    def stop(self, name: str) -> None:
        """Stop a job, once the change under way is written; one that has ended already stays as it is."""
        with self._lock:
            control = self._running[name][0] if name in self._running else None
        if control is not None:
            self._service.records.update_job(name, status="Stopping", modified=now())
            self._service.later(control.stop)
        else:  # left over from a service that was killed, and not run anew by this one
            self._record(name, Outcome(stopped=True))

    def restore(self) -> None:
        """Run anew what was under way when the service ended; what was being stopped is stopped."""
        for row in self._service.records.rows("SELECT * FROM jobs WHERE ended IS NULL AND execution IS NULL"):
            if row["status"] == "Stopping":
                self._record(row["name"], Outcome(stopped=True))
            else:
                self._launch(STEP_TYPES[row["type"]], row["name"], json.loads(row["request"]))

    def close(self) -> None:
        """End all jobs; they are run anew when the service runs again."""
        self._closing = True
        with self._lock:
            under_way = list(self._running.values())
        for control, _ in under_way:
            control.stop(0)
        for _, thread in under_way:
            if thread.is_alive():  # one whose change was not written was never started
                thread.join()


STEP_TYPES = {"training-job": "Training", "processing-job": "Processing", "transform-job": "Transform"}
"""A job's kind as its ARN names it → the type of step that runs such jobs."""
