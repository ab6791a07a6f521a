"""All endpoints of the service."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.arns import ACCOUNT, arn
from local.containers import Containers, built_in
from local.endpoints.endpoint import Endpoint, Surroundings
from local.endpoints.errors import unavailable, validation_error
from local.endpoints.instance import clear_leftovers
from local.endpoints.record import Configuration, EndpointRecord, Pending
from local.endpoints.timing import Timing
from local.endpoints.views import describe, weights
from local.state import State

if TYPE_CHECKING:
    from local.api.service import Service

KIND = "endpoint"


class EndpointManager:
    """The endpoints by name.

    What it is asked to do (create, update, delete) is recorded at once, within the caller's transaction, and
    begun when that is written; DescribeEndpoint tells how far it is.

    Attributes:
        timing: how long things may take.

    """

    def __init__(
        self,
        state: State,
        service: Service,
        containers: Containers | None = None,
        timing: Timing | None = None,
    ):
        self.timing = timing or Timing()
        self._state = state
        self._service = service
        self._live: dict[str, Endpoint] = {}
        self._closing = threading.Event()
        self._folder: Path = state.home / "endpoints"
        self._around = Surroundings(
            objects=state.objects,
            folder=self._folder,
            logs=state.log_file("endpoints").with_suffix(""),
            containers=built_in() if containers is None else containers,
            package=self._package,
            save=self._save,
            publish=self._publish,
            alarms=service.alarms,
            timing=self.timing,
            closing=self._closing,
        )

    # --- what operations ask --------------------------------------------------------------------------

    def find(self, name: str) -> Endpoint | None:
        """Return an endpoint, or None; names differ only by case as little as ARNs do."""
        return self._live.get(name.lower())

    def describe(self, name: str) -> dict[str, Any]:
        """Return what DescribeEndpoint answers.

        Raises:
            KeyError: there is none.

        """
        return describe(self._live[name.lower()])

    def create(self, name: str, configuration: Configuration, deployment: dict[str, Any] | None) -> str:
        """Create an endpoint; return its ARN."""
        record = EndpointRecord(name, arn(KIND, name.lower()), "Creating", configuration)
        record.deployment = deployment
        request = {"EndpointName": name, "EndpointConfigName": configuration.name}
        self._service.resources.add(
            KIND, name, record.arn, request, status="Creating", description=record.as_dict()
        )
        endpoint = Endpoint(record, self._around)

        def begin() -> None:
            self._live[name.lower()] = endpoint
            self._tell(record)
            endpoint.create()

        self._service.later(begin)
        return record.arn

    def update(self, endpoint: Endpoint, pending: Pending) -> None:
        """Deploy another configuration."""
        endpoint.record.pending = pending
        self._change(endpoint, "Updating")
        self._service.later(lambda: endpoint.update(pending))

    def scale(self, endpoint: Endpoint, configuration: Configuration) -> None:
        """Change weights and instance counts to those of a configuration that differs in nothing else."""
        endpoint.record.configuration = configuration
        self._change(endpoint, "Updating")
        self._service.later(endpoint.scale)

    def delete(self, endpoint: Endpoint) -> None:
        """Delete an endpoint."""
        self._change(endpoint, "Deleting")
        self._service.later(endpoint.delete)

    def current(self, endpoint: Endpoint) -> dict[str, dict[str, Any]]:
        """Return weight, instances and capture that RetainAllVariantProperties keeps, by variant."""
        return weights(endpoint.record.configuration)

    # --- what requests ask ----------------------------------------------------------------------------

    def serving(self, name: str) -> Endpoint:
        """Return the endpoint that answers under a name.

        Raises:
            InvocationError: ValidationError: there is none, or it is not in service; ServiceUnavailable: the
                service has just started.

        """
        endpoint = self._live.get(name) or self._live.get(name.lower())
        if endpoint is None:
            if self._service.resources.find(arn(KIND, name.lower())) is not None:
                raise unavailable(f"endpoint {name} is being brought back; try again in a moment")
            raise validation_error(f"Endpoint {name} of account {ACCOUNT} not found.")
        if not endpoint.router.fleets and endpoint.record.status != "InService":
            raise validation_error(
                f"Endpoint {name} of account {ACCOUNT} is {endpoint.record.status}; "
                "it answers while it is InService or Updating."
            )
        return endpoint

    # --- the service's life ---------------------------------------------------------------------------

    def restore(self) -> None:
        """Serve again what was served when the service ended, whichever way it ended."""
        clear_leftovers(self._folder / "instances")
        for resource in self._service.resources.all(KIND):
            record = EndpointRecord.from_dict(resource.description)
            endpoint = self._live[record.name.lower()] = Endpoint(record, self._around)
            endpoint.restore()

    def close(self) -> None:
        """Stop all processes; the records stay as they are."""
        self._closing.set()
        endpoints = list(self._live.values())
        with ThreadPoolExecutor(max(1, len(endpoints)), "close") as pool:
            for ended in [pool.submit(endpoint.close) for endpoint in endpoints]:
                ended.result()

    # --- records and events ---------------------------------------------------------------------------

    def _change(self, endpoint: Endpoint, status: str) -> None:
        endpoint.record.status = status
        self._save(endpoint.record, False)

    def _save(self, record: EndpointRecord, gone: bool) -> None:
        with self._service.change():
            if gone:
                self._service.resources.delete(KIND, record.name)
                self._service.later(lambda: self._live.pop(record.name.lower(), None))
            else:
                self._service.resources.update(
                    KIND, record.name, status=record.status, description=record.as_dict()
                )
                self._tell(record)

    def _tell(self, record: EndpointRecord) -> None:
        detail: dict[str, Any] = {
            "EndpointName": record.name,
            "EndpointArn": record.arn,
            "EndpointConfigName": record.configuration.name,
            "EndpointStatus": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", record.status).upper(),
            "ProductionVariants": record.configuration.request["ProductionVariants"],
        }
        if record.failure_reason:
            detail["FailureReason"] = record.failure_reason
        self._service.events.put("SageMaker Endpoint State Change", detail, resources=(record.arn,))

    def _publish(self, topic: str, message: Mapping[str, Any]) -> None:
        """Tell a notification on the bus: there is no SNS here, and a rule can start whatever it should."""
        detail = {"TopicArn": topic, "Message": json.dumps(message)}
        self._service.events.put("SNS Notification", detail, resources=(topic,))

    def _package(self, name: str) -> Mapping[str, Any]:
        for row in self._service.records.model_packages():
            if name == row["arn"]:
                found: dict[str, Any] = json.loads(row["request"])
                return found
        return {}
