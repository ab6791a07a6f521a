"""What all jobs share: the root that stands for /opt/ml, the environment, the process, why it ended."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.containers import Containers
from local.control import Control
from local.errors import (
    JOB_INTERNAL_ERROR,
    LocalError,
    NotFoundError,
    StepError,
    StoppedError,
    disk_errors,
    step_failure,
)
from local.jobs.environment import OPT_ML, job_environment, rewrite
from local.objects import Object, ObjectStore, copy_file
from local.orphans import process_started
from local.process import Process
from local.state import State

_INTERNAL_EXIT = 255
_SHOWN_OF_LOG = 500
_ROOM_FOR_WORDS = 64 << 10


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        state: the open state directory.
        control: stops the execution.
        containers: what stands in for which image.
        name: the job's name.
        step: the step it runs for, for messages.
        request: the CreateProcessingJob, CreateTrainingJob or CreateTransformJob request, resolved.
        threads: the threads that its numerical libraries may use: its share of the cores.
        processes: what was started for it.

    """

    state: State
    control: Control
    containers: Containers
    name: str
    step: str
    request: Mapping[str, Any]
    threads: int
    processes: list[Process] = field(default_factory=list)

    @property
    def process_seconds(self) -> float:
        """How long the job's own processes ran, without what the runner did before and after."""
        return sum(process.seconds or 0.0 for process in self.processes)

    @property
    def objects(self) -> ObjectStore:
        """The objects as the job's role may see them."""
        return self.state.objects.acting_as(self.role)

    @property
    def role(self) -> str | None:
        """The ARN of the role that the job works as; a transform works as its model does."""
        if "ModelName" not in self.request:
            return self.request.get("RoleArn")
        try:
            model = json.loads(self.state.records.model(self.request["ModelName"])["request"])
        except NotFoundError:
            return None
        role: str | None = model.get("ExecutionRoleArn")
        return role

    @property
    def folder(self) -> Path:
        """The job's folder, and its processes' working directory."""
        return self.state.job_folder(self.name)

    @property
    def root(self) -> Path:
        """What stands for /opt/ml."""
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        """The file with the job's output."""
        return self.state.log_file(self.name)

    # --- files ----------------------------------------------------------------------------------------

    def local(self, path: str) -> Path:
        """Return the file that stands for a path below /opt/ml.

        Raises:
            StepError: the path is not below /opt/ml.

        """
        parts = path.removeprefix(OPT_ML).split("/")
        if not path.startswith(OPT_ML + "/") or ".." in parts:
            raise StepError(f"ClientError: step {self.step!r}: {path!r} is not a path below {OPT_ML}")
        return self.root.joinpath(*(part for part in parts if part))

    def rewrite(self, text: str) -> str:
        """Replace /opt/ml by the root where a path begins in a command's word or a variable's value."""
        return rewrite(text, self.root)

    def prepare(self, *folders: str) -> None:
        """Make the root, folders below it and the log's folder."""
        with disk_errors(self.root):
            for folder in ("output", *folders):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            self.log.parent.mkdir(parents=True, exist_ok=True)

    def download(self, uri: str, folder: Path) -> None:
        """Copy the objects below a prefix (or one object) into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, item in self.named_objects(uri).items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_file(item.path, target)

    def named_objects(self, uri: str) -> dict[str, Object]:
        """Return the objects below a prefix by the path that each has below it.

        Raises:
            StepError: there are none.

        """
        prefix = uri.partition("://")[2].partition("/")[2]
        try:
            found = self.objects.find_some(uri)
        except LocalError as error:
            raise step_failure(error, f"ClientError: step {self.step!r}: failed to download data") from None
        named: dict[str, Object] = {}
        for item in found:
            name = relative_key(item.key, prefix)
            if name in named:
                raise StepError(
                    f"ClientError: step {self.step!r}: {named[name].uri} and {item.uri} both begin with "
                    f"{uri} and would both be the file {name!r}; end the prefix with '/'"
                )
            named[name] = item
        return named

    # --- process --------------------------------------------------------------------------------------

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start the job's process; from now on a stop of the execution ends it."""
        if self.control.stopping:
            raise StoppedError
        process = Process(
            [self.rewrite(word) for word in command],
            cwd=self.folder,
            environment=job_environment(environment, self.root, self.threads),
            log=self.log,
        )
        self.processes.append(process)
        self.control.add(process)
        self.state.records.update_job(
            self.name, pid=process.pid, process_started=process_started(process.pid)
        )
        return process

    def run(self, command: Sequence[str], environment: Mapping[str, str], message: str) -> None:
        """Run the job's process to its end.

        Args:
            command: what to run.
            environment: the variables that the request and the image give it.
            message: the file below the root in which it leaves the reason when it fails.

        Raises:
            StepError: it failed, or ran longer than MaxRuntimeInSeconds.
            StoppedError: the execution is being stopped.

        """
        process = self.start(command, environment)
        limit = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        try:
            overtime = bool(limit) and not process.ends_within(float(limit))
            if overtime:
                process.stop(self.control.overtime_grace)
            code = process.wait()
        finally:
            self.control.discard(process)
        if self.control.stopping:
            raise StoppedError
        if overtime:
            raise StepError(
                f"MaxRuntimeExceeded: step {self.step!r} ran longer than its MaxRuntimeInSeconds of {limit}"
            )
        if code != 0:
            raise self.failure(code, self.root / message)

    def failure(self, code: int, message: Path) -> StepError:
        """Return why a process with this exit code failed, in the job's own words where it left some."""
        if code < 0:
            name = signal.Signals(-code).name
            return StepError(
                f"InternalServerError: the container was killed by {name}; log: {self.log}",
                JOB_INTERNAL_ERROR,
            )
        fault = JOB_INTERNAL_ERROR if code >= _INTERNAL_EXIT else ""
        return StepError(f"AlgorithmError: {self.words(message)}, exit code: {code}", fault)

    def words(self, message: Path) -> str:
        """Return what a failed job says: its message file, else the end of its log."""
        if message.is_file() and (said := message.read_text(errors="replace").strip()):
            # Where the root lies is this machine's affair; the reason reads as it would on AWS.
            return said.replace(str(self.root), OPT_ML)
        if shutil.disk_usage(self.state.home).free < _ROOM_FOR_WORDS:
            return f"no space left on the disk of {self.state.home}, not even for its log; free some"
        end = self.log.read_bytes()[-_SHOWN_OF_LOG:].decode(errors="replace").strip()
        return (
            f"it left no reason; its log {self.log} ends with: {end}"
            if end
            else "it left no reason and no log"
        )

    def remove(self) -> None:
        """Remove the job's folder; the log stays."""
        shutil.rmtree(self.folder, ignore_errors=True)


def relative_key(key: str, prefix: str) -> str:
    """Return the path that an object gets in a job: its key below the prefix, or the last part of the key."""
    return key[len(prefix) :].lstrip("/") or key.rpartition("/")[2]


def refuse(step: str, request: Mapping[str, Any], allowed: Mapping[str, tuple[object, ...]]) -> None:
    """Refuse settings that would change what a job does on AWS and that are not supported here.

    Args:
        step: the step, for the message.
        request: the structure that holds the settings.
        allowed: setting → the values that are supported, None among them where it may be absent.

    Raises:
        StepError: a setting has another value.

    """
    for name, values in allowed.items():
        if request.get(name) not in values:
            known = ", ".join(str(value) for value in values if value is not None) or "absent"
            raise StepError(
                f"ClientError: step {step!r}: {name} {request[name]!r} is not supported by the local runner; "
                f"supported: {known}"
            )
