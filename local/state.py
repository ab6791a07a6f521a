"""The state directory: objects, records, logs and running jobs in one folder, with one writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from local import views
from local.arns import execution_id
from local.errors import BusyError, LocalError, disk_errors
from local.objects import ObjectStore
from local.orphans import end_orphan, process_started
from local.records import Records
from local.schema import connect, connect_reader

INTERRUPTED = (
    "its end was not recorded (the process was killed, or the disk was full); "
    "go on with `trainyard run --resume {execution}`"
)


def default_home() -> Path:
    """Return `TRAINYARD_HOME`, or `.trainyard` in the working directory."""
    return Path(os.environ.get("TRAINYARD_HOME") or ".trainyard")


def open_state(home: Path | None = None, *, write: bool = False) -> State:
    """Open the state directory.

    Args:
        home: the folder; `default_home()` where not given. A writer creates it.
        write: take the lock of the one writer, and clear away what a killed one left. A reader takes no lock
            and finds an empty state where there is none.

    Raises:
        BusyError: another writer holds it.
        LocalError: it cannot be created, or was written by a newer version.

    """
    folder = (home or default_home()).absolute()
    if folder.exists() and not folder.is_dir():
        raise LocalError(
            f"cannot use {folder} as state directory (it is a file); name another in TRAINYARD_HOME"
        )
    return State(folder, _Lock(folder) if write else None)


class State:
    """An open state directory; a context manager.

    Attributes:
        home: the folder.
        objects: what `s3://` means here.
        records: the rows behind `describe` and the like.

    """

    def __init__(self, home: Path, lock: _Lock | None):
        self.home = home
        self._lock = lock
        self.objects = ObjectStore(home / "s3", home / "tmp")
        database = home / "records.sqlite"
        try:
            self.records = Records(connect(database) if lock else connect_reader(database), database)
            if lock:
                self._clear_leftovers()
        except BaseException:
            if lock:
                lock.release()
            raise

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the records and give the lock back."""
        self.records.close()
        if self._lock:
            self._lock.release()

    def require_writer(self) -> None:
        """Refuse to change anything through a state that was opened to be read."""
        if self._lock is None:
            raise LocalError("the state directory was opened to be read; open it with write=True to run")

    def job_folder(self, job: str) -> Path:
        """Return the folder of a running job; its `ml` stands for /opt/ml."""
        return self.home / "jobs" / job

    def log_file(self, job: str) -> Path:
        """Return the file that takes a job's output."""
        return self.home / "logs" / f"{job}.log"

    def _clear_leftovers(self) -> None:
        for job in self.records.jobs_under_way():
            end_orphan(job["pid"], job["process_started"], self.job_folder(job["name"]) / "ml")
        self.records.stop_interrupted("the process that ran it is gone")
        for folder in (self.home / "tmp", self.home / "jobs"):
            shutil.rmtree(folder, ignore_errors=True)

    # --- what is there --------------------------------------------------------------------------------

    def describe(self, execution: str) -> dict[str, Any]:
        """Return an execution (an id or ARN) with its steps in order of start, as plain data.

        Raises:
            NotFoundError: there is none.

        """
        row = self.records.execution(execution_id(execution))
        steps = [views.step(step) for step in self.records.steps(row["id"])]
        return {**self._execution(row), "steps": steps}

    outline = describe
    """What can be told of an execution quickly: here, all of it."""

    def definition(self, execution: str) -> dict[str, Any]:
        """Return the definition that an execution (an id or ARN) runs by, filled in.

        Raises:
            NotFound: there is none.

        """
        definition: dict[str, Any] = json.loads(self.records.execution(execution_id(execution))["definition"])
        return definition

    def executions(self, pipeline: str | None = None) -> list[dict[str, Any]]:
        """Return the executions (of one pipeline) without their steps, newest first."""
        return [self._execution(row) for row in self.records.executions(pipeline)]

    def last_execution(self, pipeline: str | None = None) -> str | None:
        """Return the id of the newest execution, or None."""
        rows = self.records.executions(pipeline)
        return rows[0]["id"] if rows else None

    def model_packages(self, group: str | None = None) -> list[dict[str, Any]]:
        """Return the model packages (of one group), newest first."""
        return [views.model_package(row) for row in self.records.model_packages(group)]

    def _execution(self, row: Any) -> dict[str, Any]:
        shown = views.execution(row)
        if row["status"] in ("Executing", "Stopping") and holder(self.home) is None:
            reason = INTERRUPTED.format(execution=row["id"])
            shown.update(status="Stopped", failure_reason=reason)
        return shown


# --- the writer's lock ------------------------------------------------------------------------------------


def holder(home: Path) -> int | None:
    """Return the number of the process that writes to this state directory, or None.

    Read from the file rather than tried with a lock, so that a reader never stands in a writer's way.
    """
    try:
        held = json.loads((home / "lock").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return held["pid"] if process_started(held["pid"]) == held["started"] else None


def _busy(home: Path) -> str:
    from local.api.address import running_url

    whose, cure = "", "wait for it"
    if running_url(home) is not None:
        whose, cure = " of `trainyard up`", "stop that one, which does not end by itself"
    return (
        f"{home} is in use by a run in process {holder(home) or 'unknown'}{whose}; "
        f"{cure}, or name another state directory in TRAINYARD_HOME"
    )


class _Lock:
    """An exclusive lock on `lock` in the folder; the kernel releases it when its process dies."""

    def __init__(self, home: Path):
        try:
            with disk_errors(home):
                home.mkdir(parents=True, exist_ok=True)
                self._file = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LocalError(
                f"cannot use {home} as state directory ({error.strerror}); name another in TRAINYARD_HOME"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise BusyError(_busy(home)) from None
        self._write({"pid": os.getpid(), "started": process_started(os.getpid())})

    def _write(self, content: dict[str, Any]) -> None:
        with disk_errors(Path("lock")):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(content).encode(), 0)

    def release(self) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)
