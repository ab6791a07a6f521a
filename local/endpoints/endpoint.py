"""One live endpoint: what it is, and the threads that create, update, scale and delete it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.arns import now
from local.containers import Containers
from local.endpoints.alarms import alarm
from local.endpoints.asynchronous import AsyncEndpoint, Publish
from local.endpoints.capture import Capture
from local.endpoints.deployment import ClosingError, Deployment
from local.endpoints.errors import DeploymentError
from local.endpoints.fleet import Fleet
from local.endpoints.record import Configuration, EndpointRecord, Pending
from local.endpoints.routing import Router
from local.endpoints.serverless import ServerlessVariant
from local.endpoints.shifting import plan
from local.endpoints.specification import PackageLookup
from local.endpoints.timing import Timing
from local.endpoints.variant import Place
from local.errors import LocalError
from local.objects import ObjectStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What an endpoint needs of the service.

    Attributes:
        objects: the object store.
        folder: where the containers' folders and the backlogs are.
        logs: where the logs are.
        containers: what stands in for which image.
        package: finds a model package.
        save: keeps a record and tells the change of its status; with True the endpoint is gone.
        publish: publishes a notification.
        alarms: returns the PutMetricAlarm requests of the alarms that are named.
        timing: how long things may take.
        closing: set when the service ends.

    """

    objects: ObjectStore
    folder: Path
    logs: Path
    containers: Containers
    package: PackageLookup
    save: Callable[[EndpointRecord, bool], None]
    publish: Publish
    alarms: Callable[[Sequence[str]], list[dict[str, Any]]]
    timing: Timing
    closing: threading.Event


class Endpoint:
    """One endpoint.

    Attributes:
        record: what DescribeEndpoint says of it.
        router: its fleets.
        capture: the data capture, or None.
        queue: of an asynchronous endpoint, else None.

    """

    def __init__(self, record: EndpointRecord, around: Surroundings):
        self.record = record
        self.router = Router()
        self.capture: Capture | None = None
        self.queue: AsyncEndpoint | None = None
        self._around = around
        self._fleet: Fleet | None = None
        self._thread: threading.Thread | None = None

    # --- life -----------------------------------------------------------------------------------------

    def create(self) -> None:
        """Bring it into service, in a thread."""
        self._begin(self._create)

    def update(self, pending: Pending) -> None:
        """Deploy another configuration, in a thread."""
        self.record.pending = pending
        self._begin(self._update)

    def scale(self) -> None:
        """Bring weights and instances to what the record says, in a thread."""
        self._begin(self._scale)

    def delete(self) -> None:
        """Take it out of service, in a thread."""
        self._begin(self._delete)

    def restore(self) -> None:
        """Serve again as before the service was ended; go on with what was under way."""
        status = self.record.status
        if status == "Creating":
            self.create()
        elif status == "Deleting":
            self.delete()
        elif status != "Failed":
            self._restore()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread that is under way."""
        if self._thread is not None:
            self._thread.join(timeout)

    def close(self) -> None:
        """Stop the processes; the record stays."""
        self.join()
        self._out_of_service()

    def _begin(self, action: Callable[[], None]) -> None:
        def run() -> None:
            try:
                action()
            except ClosingError:
                return  # the record says what was under way: `restore` goes on with it
            except Exception as error:
                log.exception("endpoint %s: %s failed", self.record.name, self.record.status)
                self.record.pending = None
                status = "Failed" if self.record.status in ("Creating", "Deleting") else "InService"
                self._save(status, f"InternalFailure: {error!r}")

        self._thread = threading.Thread(target=run, name=f"endpoint {self.record.name}", daemon=True)
        self._thread.start()

    # --- what the threads do --------------------------------------------------------------------------

    def _create(self) -> None:
        try:
            fleet = self._new_fleet(self.record.configuration)
            self._fleet = fleet
            fleet.start()
            fleet.wait_until_ready(self._ended)
        except (DeploymentError, LocalError) as error:
            if self._fleet is not None:
                self._fleet.stop(0)
            self._save("Failed", str(error))
            return
        self._into_service(fleet)
        self._save("InService")

    def _restore(self) -> None:
        try:
            fleet = self._new_fleet(self.record.configuration, persistent=True)
        except DeploymentError as error:
            self._save("Failed", str(error))
            return
        configuration = self.record.configuration
        if not configuration.asynchronous and not configuration.serverless:
            fleet.start()
        self._into_service(fleet)
        if self.record.status == "Updating":
            self._begin(self._scale if self.record.pending is None else self._update)
        elif self.record.status != "InService":
            self.record.pending = None
            self._save("InService", self.record.failure_reason)

    def _update(self) -> None:
        pending, old = self.record.pending, self._fleet
        assert pending is not None
        assert old is not None
        try:
            new = self._new_fleet(pending.configuration)
            counts = [variant.desired for variant in new.variants.values()]
            steps = plan(None if pending.configuration.serverless else pending.deployment, min(counts))
            watched = [alarm(each, self.record.name) for each in self._around.alarms(steps.alarms)]
            alarms = [each for each in watched if each is not None]
            deployment = Deployment(self.router, old, new, steps, self._around.timing, self._closing, alarms)
            deployment.run(lambda reason: self._save("RollingBack", reason))
        except (DeploymentError, LocalError) as error:
            self.record.pending = None
            self._save("InService", str(error))
            return
        except ClosingError:
            new.stop(0)
            raise
        self.record.configuration = pending.configuration
        self.record.deployment = pending.deployment
        self.record.pending = None
        self._into_service(new)
        self._save("InService")

    def _scale(self) -> None:
        fleet = self._fleet
        assert fleet is not None
        for given in self.record.configuration.request["ProductionVariants"]:
            variant = fleet.variants[given["VariantName"]]
            variant.weight = float(given.get("InitialVariantWeight", 1.0))
            if isinstance(variant, ServerlessVariant):
                variant.concurrency = given["ServerlessConfig"]["MaxConcurrency"]
            else:
                variant.desired = given["InitialInstanceCount"]
                variant.scale(variant.desired)
        self.router.reweigh()
        fleet.retire(self._around.timing.drain)
        try:
            fleet.wait_until_ready(self._ended)
        except DeploymentError as error:
            self._save("InService", str(error))
            return
        self._save("InService")

    def _delete(self) -> None:
        self._out_of_service()
        if self.queue is not None:
            self.queue.backlog.clear()
        self._around.save(self.record, True)

    # --- parts ----------------------------------------------------------------------------------------

    def _new_fleet(self, configuration: Configuration, *, persistent: bool = False) -> Fleet:
        around, name = self._around, self.record.name
        logs = around.logs / name / configuration.name
        place = Place(around.objects, around.folder / "instances" / name, logs)
        return Fleet(
            configuration.request,
            configuration.models,
            place,
            around.timing,
            around.containers,
            around.package,
            persistent=persistent,
        )

    def _into_service(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.router.set([(fleet, 1.0)])
        self._set_capture(fleet.config.get("DataCaptureConfig"))
        self._set_queue(fleet.config.get("AsyncInferenceConfig"))

    def _set_capture(self, config: dict[str, Any] | None) -> None:
        old, around = self.capture, self._around
        wanted = config is not None and config.get("EnableCapture", True)
        self.capture = (
            Capture(self.record.name, config, around.objects, around.timing.capture)
            if config is not None and wanted
            else None
        )
        if old is not None:
            old.close()

    def _set_queue(self, config: dict[str, Any] | None) -> None:
        if config is None:
            return
        if self.queue is not None:
            self.queue.configure(config)
            return
        around, name = self._around, self.record.name
        folder = around.folder / "backlog" / name
        queue = AsyncEndpoint(
            name, self.router, config, around.objects, folder, around.timing, around.publish
        )
        self.queue = queue
        queue.start()

    def _out_of_service(self) -> None:
        fleets = self.router.fleets or ((self._fleet,) if self._fleet else ())
        self.router.set(())
        if self.queue is not None:
            self.queue.stop()
        for fleet in fleets:
            fleet.stop(0)
        if self.queue is not None:
            self.queue.close()
        if self.capture is not None:
            self.capture.close()

    def _closing(self) -> bool:
        return self._around.closing.is_set()

    def _ended(self) -> bool:
        if self._closing():
            raise ClosingError
        return False

    def _save(self, status: str, reason: str = "") -> None:
        self.record.status = status
        self.record.failure_reason = reason
        self.record.modified = now()
        self._around.save(self.record, False)
