"""Asynchronous inference: requests queue up; instances come with a backlog and go when there is none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local.arns import REGION, now
from local.endpoints.backlog import AsyncRequest, Backlog
from local.endpoints.connection import BrokenError
from local.endpoints.connections import UnreachableError
from local.endpoints.errors import InvocationError
from local.endpoints.instance import Instance
from local.endpoints.routing import Router
from local.endpoints.timing import Timing
from local.endpoints.variant import Variant
from local.errors import LocalError
from local.objects import ObjectStore

log = logging.getLogger(__name__)

Publish = Callable[[str, Mapping[str, Any]], None]
"""Takes the ARN of a topic and the message for it."""

_DEFAULT_CONCURRENCY = 4
_MOST_ATTEMPTS = 3
_MOST_UNDER_WAY = 64
_LOOK = 0.05


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: an answer, or the reason why there is none."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reason: str = ""


class _BrokenOffError(Exception):
    """The instance went away under the request, which was not at fault."""


class AsyncEndpoint:
    """The backlog of one endpoint, and the threads that work it off.

    Attributes:
        backlog: the requests that wait.

    """

    def __init__(
        self,
        name: str,
        router: Router,
        config: Mapping[str, Any],
        objects: ObjectStore,
        folder: Path,
        timing: Timing,
        publish: Publish,
    ):
        self.backlog = Backlog(folder)
        self._name = name
        self._router = router
        self._objects = objects
        self._timing = timing
        self._publish = publish
        self._under_way = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._last_work = time.monotonic()
        self.configure(config)
        self._thread = threading.Thread(target=self._dispatch, name=f"backlog {name}", daemon=True)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take an AsyncInferenceConfig, also a new one."""
        self._config = config
        client = config.get("ClientConfig", {})
        self._per_instance: int = client.get("MaxConcurrentInvocationsPerInstance", _DEFAULT_CONCURRENCY)

    def start(self) -> None:
        """Begin to work off the backlog."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more requests; one that breaks off from now on is kept as not begun."""
        self._closing.set()
        self.backlog.wake()

    def close(self) -> None:
        """Wait for what is under way; its instances have been stopped by now."""
        self.stop()
        self._thread.join()

    # --- dispatching ----------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        with ThreadPoolExecutor(_MOST_UNDER_WAY, f"async {self._name}") as pool:
            while not self._closing.is_set():
                if self._under_way >= self._capacity():
                    time.sleep(_LOOK)
                    continue
                taken = self.backlog.take(_LOOK)
                if taken is None:
                    self._scale_to_zero_when_idle()
                    continue
                with self._lock:
                    self._under_way += 1
                pool.submit(self._work, *taken)

    def _capacity(self) -> int:
        instances = sum(
            variant.desired for fleet in self._router.fleets for variant in fleet.variants.values()
        )
        return min(64, self._per_instance * max(1, instances))

    def _scale_to_zero_when_idle(self) -> None:
        fleets = self._router.fleets
        idle = time.monotonic() - self._last_work
        if self._under_way or len(fleets) != 1 or idle < self._timing.asynchronous_idle:
            return
        for variant in fleets[0].variants.values():
            if variant.instances:
                variant.scale(0)
                variant.retire(0)

    def _work(self, file: Path, request: AsyncRequest) -> None:
        try:
            outcome = self._answer(request)
            self._report(request, outcome)
            file.unlink()
        except _BrokenOffError:
            if not self._closing.is_set():
                self.backlog.again(file, replace(request, attempts=request.attempts + 1))
        except Exception:
            # A full disk, say. The file stays, so the request is answered when the service is up again.
            log.exception("the answer to %s could not be given", request.inference_id)
        finally:
            self._last_work = time.monotonic()
            with self._lock:
                self._under_way -= 1

    def _answer(self, request: AsyncRequest) -> _Outcome:
        if time.time() > request.expires:
            return _Outcome(0, {}, b"", "the request waited longer than its RequestTTLSeconds")
        try:
            body = self._objects.read(request.input) if request.input else request.payload()
        except LocalError as error:
            return _Outcome(0, {}, b"", f"Could not download the input: {error}")
        try:
            fleet, variant = self._router.enter()
        except InvocationError:  # the endpoint just went out of service
            raise _BrokenOffError from None
        began, status = time.perf_counter(), 0
        try:
            outcome = self._call(request, variant, body)
            status = outcome.status
            return outcome
        finally:
            self._router.leave(fleet)
            if fleet.watch is not None:
                fleet.watch.note(variant.name, status or 500, time.perf_counter() - began)

    def _call(self, request: AsyncRequest, variant: Variant, body: bytes) -> _Outcome:
        instance = self._instance(variant)
        if isinstance(instance, str):
            return _Outcome(0, {}, b"", f"variant {variant.name} has no instance: {instance}")
        try:
            status, headers, answer = instance.call(body, _headers(request), request.timeout)
        except TimeoutError:
            return _Outcome(0, {}, b"", f"the model did not answer within {request.timeout:g} seconds")
        except (UnreachableError, BrokenError) as error:
            if request.attempts + 1 < _MOST_ATTEMPTS or self._closing.is_set():
                raise _BrokenOffError from None
            return _Outcome(0, {}, b"", f"the instance failed during the request: {error}")
        finally:
            with self._lock:
                instance.outstanding -= 1
        reason = "" if 200 <= status < 300 else f"Received {status} from the model"
        return _Outcome(status, headers, answer, reason)

    def _instance(self, variant: Variant) -> Instance | str:
        """Return an instance with one request more, or why there is none; start some where there are none."""
        while not self._closing.is_set():
            with self._lock:
                if not variant.instances:  # the alarm on HasBacklogWithoutCapacity: a backlog, and nobody
                    variant.scale(max(1, variant.desired))
                instance = variant.ready_instance()
                if instance is not None:
                    instance.outstanding += 1
                    return instance
            if variant.failure:
                reason = variant.failure
                variant.stop(0)  # so that the next request tries again
                return reason
            time.sleep(_LOOK)
        raise _BrokenOffError

    # --- what came of it ------------------------------------------------------------------------------

    def _report(self, request: AsyncRequest, outcome: _Outcome) -> None:
        output = self._config["OutputConfig"]
        topics = output.get("NotificationConfig", {})
        if not outcome.reason:
            self._objects.put_bytes(outcome.body, request.output)
            self._notify(topics.get("SuccessTopic"), request, outcome)
            return
        if request.failure:
            self._objects.put_bytes(outcome.body or outcome.reason.encode(), request.failure)
        self._notify(topics.get("ErrorTopic"), request, outcome)

    def _notify(self, topic: str | None, request: AsyncRequest, outcome: _Outcome) -> None:
        """Publish what SageMaker publishes to SNS."""
        if not topic:
            return
        failed = bool(outcome.reason)
        message: dict[str, Any] = {
            "awsRegion": REGION,
            "eventTime": now(),
            "receivedTime": request.received,
            "invocationStatus": "Failed" if failed else "Completed",
            "requestParameters": {
                "contentType": request.content_type or None,
                "accept": request.accept or None,
                "endpointName": self._name,
                "inputLocation": request.input or None,
            },
            "inferenceId": request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        if failed:
            message["failureReason"] = outcome.reason
            message["responseParameters"] = {"outputLocation": request.failure or None}
        else:
            kind = outcome.headers.get("content-type")
            message["responseParameters"] = {"contentType": kind, "outputLocation": request.output}
        self._publish(topic, message)


def _headers(request: AsyncRequest) -> dict[str, str]:
    named = {
        "Content-Type": request.content_type,
        "Accept": request.accept,
        "X-Amzn-SageMaker-Custom-Attributes": request.custom_attributes,
        "X-Amzn-SageMaker-Inference-Id": request.inference_id,
    }
    return {name: value for name, value in named.items() if value}
