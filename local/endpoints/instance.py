"""One instance of a variant: a child process that serves a model, watched and started again when it dies."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from local.endpoints.connection import Answer, Request
from local.endpoints.connections import Connections, call
from local.endpoints.errors import DeploymentError
from local.endpoints.specification import Specification
from local.endpoints.timing import Timing
from local.errors import LocalError, StepError
from local.jobs.environment import job_environment, rewrite
from local.objects import ObjectStore
from local.orphans import end_orphan, process_started
from local.ports import HOST, give_back, is_free, take_port
from local.process import Process

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.1, 5.0
_SOUND_AFTER = 1.0  # seconds of service after which a death is followed by a start at once
_SHOWN_OF_LOG = 500

_numbers = itertools.count(1)


class Instance:
    """A container in a process of its own.

    Attributes:
        ready: whether it answered /ping and its process lives.
        failure: why it gave up for good (only an instance that never was ready does), or "".
        restarts: how often its process died and was started again.
        deaths: how often its process died.
        last_death: why it died the last time, or "".
        pid: of its process, or None.
        outstanding: the requests under way.

    """

    def __init__(
        self,
        specification: Specification,
        objects: ObjectStore,
        place: Path,
        log: Path,
        timing: Timing,
        *,
        threads: int,
        persistent: bool,
        changed: Callable[[], None],
    ):
        """Prepare it.

        Args:
            specification: its container.
            objects: where the model data is.
            place: the folder for its own folder.
            log: takes the container's output.
            timing: how long things may take.
            threads: how many the container's numerical libraries may use.
            persistent: start again even what never was ready: it served before the service ended.
            changed: called from its thread when it becomes ready, or is no more.

        """
        self.ready = False
        self.failure = ""
        self.restarts = 0
        self.deaths = 0
        self.last_death = ""
        self.pid: int | None = None
        self.outstanding = 0
        self.port = 0
        self._specification = specification
        self._objects = objects
        self._folder = place / f"{os.getpid()}-{next(_numbers)}"
        self._root = self._folder / "ml"
        self._log = log
        self._log_begin = 0
        self._timing = timing
        self._threads = threads
        self._persistent = persistent
        self._changed = changed
        self._connections = Connections()
        self._process: Process | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"instance {log.stem}", daemon=True)

    def start(self) -> None:
        """Start it; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after the grace; return at once."""
        self.ready = False
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.stop(self._timing.grace)

    def join(self) -> None:
        """Wait until its process is gone and its folder removed."""
        self._thread.join()

    # --- the process ----------------------------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            for folder in (self._root / "output", self._log.parent):
                folder.mkdir(parents=True, exist_ok=True)
            self._specification.fetch(self._objects, self._root / "model")
            self._keep_serving()
        except (DeploymentError, LocalError, StepError, OSError) as error:
            self.failure = str(error)
        finally:
            self.ready = False
            shutil.rmtree(self._folder, ignore_errors=True)
            self._changed()

    def _keep_serving(self) -> None:
        backoff = 0.0
        while not self._stopping.wait(backoff):
            ready_at = self._serve_once()
            if self._stopping.is_set():
                return
            if ready_at is None and not self.restarts and not self._persistent:
                self.failure = self.last_death
                return
            self.restarts += 1
            if ready_at is not None and time.monotonic() - ready_at > _SOUND_AFTER:
                backoff = 0.0
            else:
                backoff = min(max(2 * backoff, _FIRST_BACKOFF), _LONGEST_BACKOFF)

    def _serve_once(self) -> float | None:
        """Run the process to its end; return when it became ready, or None where it never did."""
        for _ in range(3):
            self.port = take_port()
            try:
                process = self._spawn()
                ready_at = self._wait_until_ready(process)
                if ready_at is not None:
                    self.ready = not self._stopping.is_set()
                    self._changed()
                code = process.wait()
            finally:
                self.ready = False
                self.pid = None
                free = is_free(self.port)
                give_back(self.port)
            if ready_at is not None or free or self._stopping.is_set():
                break
            # Another process took the port between its choice and the container's start: take another.
        if not self._stopping.is_set():
            self.last_death = self._reason(code, ready_at is not None)
            self.deaths += 1
        self._changed()
        return ready_at

    def _spawn(self) -> Process:
        given = {**self._specification.environment, "SAGEMAKER_BIND_TO_PORT": str(self.port)}
        self._log_begin = self._log.stat().st_size if self._log.exists() else 0
        with self._lock:
            process = self._process = Process(
                [rewrite(word, self._root) for word in self._specification.container.serve],
                cwd=self._folder,
                environment=job_environment(given, self._root, self._threads),
                log=self._log,
            )
        self.pid = process.pid
        note = {"pid": process.pid, "started": process_started(process.pid)}
        (self._folder / "process.json").write_text(json.dumps(note))
        if self._stopping.is_set():
            process.stop(self._timing.grace)
        return process

    def _wait_until_ready(self, process: Process) -> float | None:
        deadline, pause = time.monotonic() + self._timing.startup, _FIRST_PAUSE
        while not process.ended() and not self._stopping.is_set():
            if _answers_ping(self.port):
                return time.monotonic()
            if time.monotonic() > deadline:
                self._log_line(f"no answer to /ping within {self._timing.startup:g} seconds")
                process.stop(0)
                break
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        return None

    def _log_line(self, text: str) -> None:
        with self._log.open("a") as log:
            log.write(text + "\n")

    def _reason(self, code: int, served: bool) -> str:
        said = self._log.read_bytes()[self._log_begin :][-_SHOWN_OF_LOG:].decode(errors="replace")
        ending = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        when = "while it served" if served else "before it answered /ping"
        words = (
            f"its log {self._log} ends with: {' '.join(said.split())}" if said.strip() else "it left no log"
        )
        return f"its container {ending} {when}; {words}"

    # --- requests -------------------------------------------------------------------------------------

    def exchange(self, request: Request, deadline: float) -> Awaitable[Answer]:
        """Send a whole HTTP request, return the answer; as `Connections.exchange`."""
        return self._connections.exchange(self.port, request, deadline)

    def call(self, body: bytes, headers: dict[str, str], timeout: float) -> tuple[int, dict[str, str], bytes]:
        """Send one invocation from a thread that may wait; as `call` of the connections."""
        return call(self.port, body, headers, timeout)


def _answers_ping(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def clear_leftovers(place: Path) -> None:
    """End the processes that a killed service left below `place`, and remove their folders."""
    for folder in place.glob("*/*/*"):
        try:
            note = json.loads((folder / "process.json").read_text())
        except (OSError, ValueError):
            note = {}
        end_orphan(note.get("pid"), note.get("started"), folder / "ml")
    shutil.rmtree(place, ignore_errors=True)
