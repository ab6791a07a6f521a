"""Events of the service and the functions that they start, in the places of EventBridge and Lambda.

A function runs in a process of its own, with the event on its standard input. Its delivery is recorded with
the change that caused it, so a killed service delivers after its restart; a function may therefore see an
event twice, as on AWS.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.arns import ACCOUNT, REGION
from local.containers import package_folder
from local.endpoint_settings import function_variables
from local.errors import LocalError
from local.records import Row

if TYPE_CHECKING:
    from local.api.service import Service
    from local.aws import Aws

log = logging.getLogger(__name__)

RETRY_PAUSES = (1.0, 2.0)
"""Seconds before the second and the third try of a function that failed; Lambda waits one and two minutes."""

TIMEOUT_SECONDS = 300.0
"""How long a function may take: what the approval function has on AWS."""

FUNCTIONS = {"trainyard-approval": "serving.handler.handle"}
"""The functions that the stacks deploy on AWS: name → `MODULE.FUNCTION`."""

_AT_ONCE = 4
_EVENTBRIDGE = "EventBridge"
"""In the place of a function: the event is given to an EventBridge, whose rules decide."""


@dataclass(frozen=True)
class Rule:
    """Which events start a function.

    Attributes:
        detail_type: of the event.
        member: a member of its detail.
        values: what that member has to be.
        function: `MODULE.FUNCTION`, called with the event and a context, as Lambda does.
        group: a member of its detail that has to name a model package group, or "".

    """

    detail_type: str
    member: str
    values: tuple[str, ...]
    function: str
    group: str = ""

    def wants(self, detail_type: str, detail: Mapping[str, Any]) -> bool:
        """Return whether an event starts the function."""
        return detail_type == self.detail_type and detail.get(self.member) in self.values


RULES = (
    Rule(
        "SageMaker Model Package State Change",
        "ModelApprovalStatus",
        ("Approved", "Rejected"),
        FUNCTIONS["trainyard-approval"],
    ),
    Rule(
        "SageMaker Endpoint State Change",
        "EndpointStatus",
        ("IN_SERVICE", "FAILED"),
        FUNCTIONS["trainyard-approval"],
        group="EndpointName",
    ),
)
"""The rules that the stacks deploy on AWS."""


class EventBus:
    """Takes events and starts the functions that want them.

    Attributes:
        aws: whose EventBridge takes every event in the place of this machine's rules, or None.

    """

    def __init__(self, service: Service, rules: tuple[Rule, ...] = RULES):
        self._service = service
        self._rules = rules
        self.aws: Aws | None = None
        self._at_once = threading.Semaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._closing = threading.Event()

    def give_to(self, aws: Aws) -> None:
        """From now on give every event to an EventBridge; no rule of this machine starts a function."""
        self.aws = aws
        self._rules = ()

    def put(self, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...] = ()) -> None:
        """Tell an event of source `aws.sagemaker`; within a change it is told when that is written."""
        for rule in self._rules:
            if rule.wants(detail_type, detail) and self._concerns(rule, detail):
                self.invoke(rule.function, self._event("aws.sagemaker", detail_type, detail, resources))
        if self.aws is not None:
            self.invoke(_EVENTBRIDGE, self._event("aws.sagemaker", detail_type, detail, resources))

    def _concerns(self, rule: Rule, detail: Mapping[str, Any]) -> bool:
        if not rule.group:
            return True
        named = detail.get(rule.group)
        return bool(self._service.records.rows("SELECT 1 FROM model_package_groups WHERE name = ?", named))

    def invoke(self, function: str, event: Mapping[str, Any]) -> None:
        """Call a function with an event, in the background and until it succeeds or was tried three times."""
        values = {"handler": function, "event": json.dumps(event), "created": self._service.clock()}
        with self._service.change():
            self._service.records.insert("deliveries", values)
            self._service.later(self.deliver)

    def _event(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...]
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": self._service.clock(),
            "region": REGION,
            "resources": list(resources),
            "detail": dict(detail),
        }

    # --- delivery -------------------------------------------------------------------------------------

    def deliver(self) -> None:
        """Start the deliveries that are recorded and not under way."""
        with self._lock:
            under_way = {thread.name for thread in self._threads}
            for row in self._service.records.rows("SELECT * FROM deliveries WHERE ended IS NULL"):
                name = f"delivery-{row['id']}"
                if name not in under_way and not self._closing.is_set():
                    thread = threading.Thread(target=self._deliver, args=(row,), name=name, daemon=True)
                    self._threads.add(thread)
                    thread.start()

    def _deliver(self, row: Row) -> None:
        try:
            with self._at_once:
                for attempt, pause in enumerate((*RETRY_PAUSES, 0.0), start=1):
                    outcome = self._call(row, attempt)
                    if outcome is None or self._closing.is_set():
                        break
                    log.warning("%s failed (try %d of 3): %s", row["handler"], attempt, outcome)
                    self._closing.wait(pause)
                if not self._closing.is_set() or outcome is None:
                    ended = {"attempts": attempt, "outcome": outcome or "", "ended": self._service.clock()}
                    self._service.records.update("deliveries", {"id": row["id"]}, ended)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _call(self, row: Row, attempt: int) -> str | None:
        """Run a function once; return why it failed, or None."""
        if row["handler"] == _EVENTBRIDGE:
            event = json.loads(row["event"])
            return self.aws.put_event(event) if self.aws else "the service knows no EventBridge any more"
        home = self._service.state.home
        try:
            environment = self._environment()
        except LocalError as error:
            return str(error)
        path = home / "logs" / "functions" / f"{row['id']}-{attempt}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a try that outlived a killed service may still write to the old one
        with path.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "local.function", row["handler"]],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            with self._lock:
                self._children.add(child)
            try:
                child.communicate(row["event"].encode(), timeout=TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                return f"it took longer than {TIMEOUT_SECONDS:g} s; log: {path}"
            finally:
                with self._lock:
                    self._children.discard(child)
        return None if child.returncode == 0 else f"{_last_line(path)}; log: {path}"

    def _environment(self) -> dict[str, str]:
        """Return what a function sees: this service in the place of AWS, and nothing of the user's AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            **client_environment(self._service.url),
            **function_variables(self._service.state.home),
        }

    def last_failure(self) -> str | None:
        """Return why the delivery that was made last failed, or None where it succeeded or none was made."""
        rows = self._service.records.rows("SELECT outcome FROM deliveries ORDER BY id DESC LIMIT 1")
        return (rows[0]["outcome"] or None) if rows else None

    # --- the end --------------------------------------------------------------------------------------

    def idle(self) -> bool:
        """Return whether every event has been delivered, or given up."""
        return not self._service.records.rows("SELECT 1 FROM deliveries WHERE ended IS NULL")

    def close(self) -> None:
        """End the functions; their events are delivered again when the service runs again."""
        self._closing.set()
        with self._lock:
            children, threads = list(self._children), list(self._threads)
        for child in children:
            child.kill()
        for thread in threads:
            thread.join()


def _last_line(path: Path) -> str:
    """Return the last line that a function wrote, which is its error's where it failed."""
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def client_environment(url: str) -> dict[str, str]:
    """Return the variables with which any AWS client talks to the service at `url`."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": os.environ.get("TRAINYARD_ACCESS_KEY_ID", "local"),
        "AWS_SECRET_ACCESS_KEY": os.environ.get("TRAINYARD_SECRET_ACCESS_KEY", "local"),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ARTIFACT_BUCKET": "trainyard-artifacts",
        "PYTHONPATH": str(package_folder("serving").parent),
    }
