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
from local.worker import Outcome, execute

if TYPE_CHECKING:
    from local.api.service import Service

STOPPED = "the job was stopped"


class Jobs:
    """Starts and stops jobs; after a restart, runs anew those that were under way."""

    def __init__(self, service: Service, places: threading.Semaphore):
        self._service = service
        self._places = places
        self._controls: dict[str, Control] = {}
        self._threads: dict[str, threading.Thread] = {}
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
        self._service.later(lambda: self._launch(step_type, name, request))

    def _launch(self, step_type: str, name: str, request: Mapping[str, Any]) -> None:
        thread = threading.Thread(target=self._run, args=(step_type, name, request), name=name, daemon=True)
        with self._lock:
            self._controls[name] = Control(places=self._places)
            self._threads[name] = thread
        thread.start()

    def _run(self, step_type: str, name: str, request: Mapping[str, Any]) -> None:
        state = self._service.state
        job = Job(state, self._controls[name], built_in(), name, name, request, 1)
        outcome = execute(job, step_type)
        with self._lock:
            self._controls.pop(name)
            self._threads.pop(name)
        if not (self._closing and outcome.stopped):
            self._record(name, outcome)

    def _record(self, name: str, outcome: Outcome) -> None:
        self._service.records.update_job(
            name,
            status=outcome.status,
            exit_reason=STOPPED if outcome.stopped else outcome.reason,
            ended=now(),
            description=json.dumps(outcome.properties or {}),
        )

    def stop(self, name: str) -> None:
        """Stop a job, once the change under way is written; one that has ended already stays as it is."""
        control = self._controls.get(name)
        self._service.records.update_job(name, status="Stopping", modified=now())
        if control is not None:
            self._service.later(control.stop)

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
            threads, controls = list(self._threads.values()), list(self._controls.values())
        for control in controls:
            control.stop(0)
        for thread in threads:
            thread.join()


STEP_TYPES = {"training-job": "Training", "processing-job": "Processing", "transform-job": "Transform"}
"""A job's kind as its ARN names it → the type of step that runs such jobs."""
