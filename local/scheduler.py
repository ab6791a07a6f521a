"""One execution under way: starts what is ready, side by side up to the machine's cores.

The calling thread decides, records and tells; each job runs in a thread of its own that mostly waits for its
process, and hands back what to do next through the control's queue.
"""

from __future__ import annotations

import heapq
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from local import arns
from local.cache import Decision, decide, stored_key
from local.conditions import holds
from local.containers import Containers
from local.control import Control
from local.errors import LocalError, StepError, step_failure
from local.expectations import relative_seconds
from local.graph import JOBS, Node, seconds_below
from local.jobs.job import Job
from local.ledger import Ledger
from local.process import cores
from local.records import Row
from local.resources import pipeline_role
from local.retries import Retries
from local.scope import execution_scope
from local.state import State
from local.steps import JOB_KINDS, create_model, job_variables, normalised, register_model
from local.worker import JOB_STOPPED, STOPPED, Outcome, execute

_LOOK_INTERVAL = 0.2
_BRANCHES = {"True": "IfSteps", "False": "ElseSteps"}


class Scheduler:
    """Runs one execution to its end."""

    def __init__(
        self,
        state: State,
        execution: Row,
        nodes: Mapping[str, Node],
        containers: Containers,
        control: Control,
        ledger: Ledger,
        max_parallel: int | None,
    ):
        self.state = state
        self.id: str = execution["id"]
        self.pipeline: str = execution["pipeline"]
        self.nodes = nodes
        self.containers = containers
        self.control = control
        self.ledger = ledger
        self.cores = cores()
        past = state.records.process_seconds(self.pipeline)
        self.seconds_below = seconds_below(nodes, past, relative_seconds(nodes, containers))
        self.slots = max_parallel or self.cores
        self.side_by_side = 1
        # SageMaker reads property files as the pipeline's role.
        own = state.objects.acting_as(pipeline_role(state.records, self.pipeline))
        self.scope = execution_scope(execution, nodes, own.read)
        self.succeeded: set[str] = set()
        self.outcomes: dict[str, str] = {}
        self.running: dict[str, threading.Thread] = {}
        self.delayed: list[tuple[float, str]] = []
        self.retries: dict[str, Retries] = {}
        self.attempts: dict[str, int] = {}
        self.decisions: dict[str, Decision] = {}
        self.failure: str | None = None
        self._restore()

    def _restore(self) -> None:
        """Take over what succeeded before the execution was interrupted."""
        for row in self.state.records.steps(self.id):
            self.succeeded.add(row["name"])
            self.scope.properties[row["name"]] = json.loads(row["properties"])
            if row["outcome"]:
                self.outcomes[row["name"]] = row["outcome"]

    # --- the loop -------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run until nothing is left to do; the execution is Succeeded, Failed or Stopped afterwards."""
        self.ledger.begin_execution()
        try:
            self._start_ready()
            while self.running or self.delayed:
                self._wait()
                self._start_ready()
        except BaseException as error:
            self._abandon(error)
            raise
        if self.failure is not None:
            self.ledger.end_execution("Failed", self.failure)
        elif self.control.stopping:
            self.ledger.end_execution("Stopped", STOPPED)
        else:
            self.ledger.end_execution("Succeeded", None)

    @property
    def _closing(self) -> bool:
        """Whether nothing more is started: what runs may finish (after a failure) or is being ended."""
        return self.failure is not None or self.control.stopping

    def _start_ready(self) -> None:
        """Start all that can be, until steps that end at once make nothing more ready."""
        while not self._closing:
            ready = [node for node in self.nodes.values() if self._is_ready(node)]
            instant = [node for node in ready if node.type not in JOBS]
            for node in instant:
                if not self._closing:
                    self._guarded(node, self._instant)
            if instant:
                continue  # what they made ready may be what most waits for
            # The longest chain first: what waits at its end decides when the execution is over.
            ready.sort(key=lambda node: -self.seconds_below[node.name])
            if not self._start_jobs(ready):
                return

    def _start_jobs(self, jobs: list[Node]) -> bool:
        """Start jobs as long as there are cores; return at once with True where the cache served one."""
        for index, node in enumerate(jobs):
            if self._closing or len(self.running) >= self.slots:
                break
            self.side_by_side = min(self.slots, len(self.running) + len(jobs) - index)
            self._guarded(node, self._job_step)
            if node.name in self.succeeded:
                return True  # what it made ready may be more urgent than the next of these
        return False

    def _is_ready(self, node: Node) -> bool:
        if self.ledger.has_started(node.name) or node.name in self.succeeded:
            return False
        return node.needs <= self.succeeded and all(
            _BRANCHES[self.outcomes[condition]] == branch for condition, branch in node.branches
        )

    def _wait(self) -> None:
        """Take the next result, or start the retries that are due."""
        pause = max(0.0, self.delayed[0][0] - time.monotonic()) if self.delayed else None
        try:
            work = self.control.results.get(timeout=pause)
        except queue.Empty:
            work = None
        if work:
            work()
        if self._closing:
            for _, name in self.delayed:
                self.ledger.stop(
                    self.nodes[name], STOPPED if self.control.stopping else "another step failed"
                )
            self.delayed.clear()
        while self.delayed and self.delayed[0][0] <= time.monotonic():
            # A retry may make one job more than there are cores for a while: it has waited long enough.
            _, name = heapq.heappop(self.delayed)
            self._guarded(self.nodes[name], self._retry)

    # --- starting steps -------------------------------------------------------------------------------

    def _guarded(self, node: Node, action: Callable[[Node], None]) -> None:
        """Start a step; what its definition gets wrong is its failure."""
        if not self.ledger.has_started(node.name):
            self.ledger.start(node)
        try:
            action(node)
        except StepError as failure:
            self._failed(node, failure)
        except LocalError as error:
            self._failed(node, step_failure(error, f"ClientError: step {node.name!r}"))

    def _instant(self, node: Node) -> None:
        """Run a step that starts no job."""
        self.ledger.tell_step("step-started", node, "Executing")
        if node.type == "Condition":
            self._condition(node)
            return
        request = normalised(node.step, self.scope.resolve(node.arguments, node.name))
        if node.type == "Fail":
            raise StepError(str(request.get("ErrorMessage", "")))
        # The model (or package) and the step's success are one change: a resumed execution makes no second.
        with self.state.records.transaction():
            if node.type == "Model":
                name = str(request.get("ModelName") or arns.job_name(self.id, node.name))
                properties = create_model(self.state, self.id, node.name, name, request)
            else:
                properties = register_model(self.state, self.id, node.name, request)
            self.ledger.succeed(node, properties)
        self._succeeded("step-succeeded", node, properties)

    def _condition(self, node: Node) -> None:
        def resolve(value: object) -> Any:
            return self.scope.resolve(value, node.name)

        outcome = str(all(holds(item, resolve, node.name) for item in node.arguments.get("Conditions", [])))
        self.outcomes[node.name] = outcome
        properties = {"Outcome": outcome}
        self.ledger.succeed(node, properties, outcome=outcome)
        self._succeeded("step-succeeded", node, properties)

    def _job_step(self, node: Node) -> None:
        """Serve a step from the cache, or start its job."""
        name = arns.job_name(self.id, node.name)
        request = self._request(node, name)
        decision = decide(self.state.records, self.state.objects, self.pipeline, node.step, request)
        self.decisions[node.name] = decision
        if decision.hit is None:
            self._launch(node, name, request)
            return
        hit = decision.hit
        properties = json.loads(hit["properties"])
        columns = {"cache_source": hit["execution"], "cache_reason": decision.reason, "job": hit["job"]}
        self.ledger.succeed(node, properties, log=hit["log"], **columns)
        self._succeeded("step-cached", node, properties, decision.reason)

    def _retry(self, node: Node) -> None:
        name = arns.job_name(self.id, node.name)
        self.side_by_side = len(self.running) + 1
        self._launch(node, name, self._request(node, name))

    def _request(self, node: Node, job: str) -> dict[str, Any]:
        variables = job_variables(node.type, job)
        return normalised(node.step, self.scope.resolve(node.arguments, node.name, variables))

    def _launch(self, node: Node, name: str, request: dict[str, Any]) -> None:
        threads = max(1, self.cores // self.side_by_side)
        control = self.control.for_job(name)
        job = Job(self.state, control, self.containers, name, node.name, request, threads)
        attempt = self.attempts[node.name] = self.attempts.get(node.name, 0) + 1
        reason, log = self.decisions[node.name].reason, str(job.log)
        with self.state.records.transaction():
            self.ledger.note(node, job=name, log=log, attempts=attempt, cache_reason=reason)
            self.state.records.add_job(name, JOB_KINDS[node.type][0], self.id, node.name, request, job.log)
        thread = threading.Thread(target=self._work, args=(node, job), name=name, daemon=True)
        self.running[node.name] = thread
        thread.start()
        self.ledger.tell_step("step-started", node, "Executing", reason, log=log)

    def _work(self, node: Node, job: Job) -> None:
        """Run a job, in its own thread; what follows from its end is done by the calling thread."""
        outcome = execute(job, node.type)
        self.control.results.put(lambda: self._ended(node, job, outcome))

    # --- results --------------------------------------------------------------------------------------

    def _ended(self, node: Node, job: Job, outcome: Outcome) -> None:
        self.running.pop(node.name, None)
        key = self.decisions[node.name].key
        stored = None
        if key is not None and outcome.properties is not None:
            stored = stored_key(self.state.objects, key, outcome.properties)
        with self.state.records.transaction():
            self.state.records.update_job(
                job.name,
                status=outcome.status,
                exit_reason=outcome.reason if self.control.stopping or not outcome.stopped else JOB_STOPPED,
                ended=arns.now(),
                description=json.dumps(outcome.properties or {}),
            )
            if outcome.properties is not None:
                took = job.process_seconds
                self.ledger.succeed(node, outcome.properties, cache_key=stored, process_seconds=took)
        if outcome.properties is not None:
            self._succeeded("step-succeeded", node, outcome.properties)
        elif outcome.failure is not None:
            self._failed_or_delayed(node, outcome.failure)
        elif self.control.stopping:
            self.ledger.stop(node, STOPPED)
        else:
            self._failed(node, StepError(f"ClientError: its job {job.name} was stopped"))
        if outcome.unexpected is not None:
            raise outcome.unexpected

    def _succeeded(self, kind: str, node: Node, properties: dict[str, Any], message: str = "") -> None:
        self.succeeded.add(node.name)
        self.scope.properties[node.name] = properties
        self.ledger.tell_step(kind, node, "Succeeded", message, outcome=self.outcomes.get(node.name, ""))

    def _failed_or_delayed(self, node: Node, failure: StepError) -> None:
        retries = self.retries.setdefault(node.name, Retries(node.step.get("RetryPolicies", [])))
        pause = retries.pause(failure.fault, self.ledger.elapsed(node.name))
        if pause is None or self._closing:
            self._failed(node, failure)
            return
        heapq.heappush(self.delayed, (time.monotonic() + pause, node.name))
        self.ledger.tell_step("step-retrying", node, "Executing", f"retry in {pause:g} s: {failure.reason}")

    def _failed(self, node: Node, failure: StepError) -> None:
        if self.failure is None:
            own_words = node.type == "Fail"
            self.failure = failure.reason if own_words else f"step {node.name} failed: {failure.reason}"
        self.ledger.fail(node, failure.reason)

    # --- giving up ------------------------------------------------------------------------------------

    def _abandon(self, error: BaseException) -> None:
        """Stop the jobs and the execution: on Ctrl-C, or because the runner itself cannot go on."""
        asked = isinstance(error, KeyboardInterrupt)
        reason = STOPPED if asked else f"the runner cannot go on: {error}"
        grace = None if asked else 0.0
        if not asked:
            self.ledger.on_event = None  # it may be what failed
        while True:
            try:
                self._stop(grace, reason)
                return
            except KeyboardInterrupt:  # once more: no more patience
                grace = 0.0

    def _stop(self, grace: float | None, reason: str) -> None:
        self.ledger.stopping_execution()
        self.control.stop(grace)
        while self.running:
            try:
                if work := self.control.results.get(timeout=_LOOK_INTERVAL):
                    work()
            except queue.Empty:
                # An interrupt can keep a thread from starting, or its result from being taken.
                self.running = {name: thread for name, thread in self.running.items() if thread.is_alive()}
        self.ledger.end_execution("Stopped", reason)
