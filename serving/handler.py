"""Answer an event: deploy what was approved, withdraw what was rejected, remove what has expired.

`handle` is what Lambda runs. The events are EventBridge's:

- `SageMaker Model Package State Change`: the newest approved version is made live, or the one before it.
- `SageMaker Endpoint State Change`: an update has ended; what is live is compared with what is wanted.
- `Scheduled Event`: endpoints whose time to live is over are removed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from serving import api
from serving.api import Clients, Deadline
from serving.deployment import Deployment, Outcome
from serving.names import TASK, parse_time
from serving.packages import approved
from serving.settings import Endpoints, from_environment
from serving.teardown import expired, removed_since, teardown

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

PACKAGE_CHANGED = "SageMaker Model Package State Change"
ENDPOINT_CHANGED = "SageMaker Endpoint State Change"
SCHEDULED = "Scheduled Event"

WAIT_VARIABLE = "TRAINYARD_WAIT_SECONDS"
_WAIT_SECONDS = 600.0
_SECONDS_TO_ANSWER_IN = 10.0
_RETRIES = Config(retries={"mode": "standard", "max_attempts": 8})

Result = dict[str, object]


class EventError(ValueError):
    """An event that this handler does not answer; the text says what was expected."""


def handle(event: Mapping[str, Any], context: object = None) -> Result:
    """Answer one event; Lambda's entry point.

    Raises:
        EventError: the event is of another kind, or lacks what its kind has.
        DeploymentError: what is live is not what is wanted. Lambda's errors raise the alarm.
        SettingsError: the settings cannot be used.

    """
    return answer(event, boto_clients(), from_environment(os.environ), _deadline(context))


def answer(event: Mapping[str, Any], clients: Clients, endpoints: Endpoints, deadline: Deadline) -> Result:
    """Answer one event with the clients and settings given."""
    kind = event.get("detail-type")
    known: dict[object, Callable[[Mapping[str, Any], Clients, Endpoints, Deadline], Result]] = {
        PACKAGE_CHANGED: _package_changed,
        ENDPOINT_CHANGED: _endpoint_changed,
        SCHEDULED: _scheduled,
    }
    if kind not in known:
        raise EventError(f"the event's detail-type is {kind!r}; expected {', '.join(map(repr, known))}")
    result = known[kind](event, clients, endpoints, deadline)
    logger.info("%s", json.dumps({"event": event.get("id"), "kind": kind, **result}, sort_keys=True))
    return result


def boto_clients() -> Clients:
    """Return clients that ask AWS, or the endpoint URL that the environment names."""
    return Clients(_client("sagemaker"), _client)


def _client(service: str) -> Any:
    return boto3.client(service, config=_RETRIES)


def _deadline(context: object) -> Deadline:
    """Return how long may be waited: what Lambda leaves, or else what the environment says."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return api.seconds_from_now(float(os.environ.get(WAIT_VARIABLE, _WAIT_SECONDS)))
    return Deadline(lambda: remaining() / 1000 - _SECONDS_TO_ANSWER_IN)


# --- one function an event ----------------------------------------------------------------------------------


def _package_changed(
    event: Mapping[str, Any], clients: Clients, endpoints: Endpoints, deadline: Deadline
) -> Result:
    detail = event.get("detail", {})
    group, status = detail.get("ModelPackageGroupName"), detail.get("ModelApprovalStatus")
    if not group:
        raise EventError(
            "the event has no detail.ModelPackageGroupName; packages without a group are not served"
        )
    settings = endpoints.of(group)
    if status == "Approved":
        if "time" not in event:
            raise EventError("the event has no time, by which a late copy of an approval is known")
        approved_at = parse_time(event["time"])
        if removed_since(clients.sagemaker, group, approved_at):
            reason = "the endpoint was removed after this approval"
            return Outcome("none", group, "Absent", reason=reason).as_json()
        return Deployment(clients, settings, group, deadline, approved_at).run().as_json()
    if status == "Rejected":
        if not approved(clients.sagemaker, group):
            return _withdrawn(clients, group, deadline)
        return Deployment(clients, settings, group, deadline, None).run().as_json()
    reason = f"a package that is {status} changes nothing"
    return Outcome("none", group, "Unknown", reason=reason).as_json()


def _withdrawn(clients: Clients, group: str, deadline: Deadline) -> Result:
    """Remove the endpoint of a group without any approved version."""
    removal = teardown(clients, group, deadline)
    action = "removed" if removal.removed else "none"
    status = "Absent" if not removal.remaining else "InService"
    outcome = Outcome(action, group, status, reason="no version is approved any more")
    return {**outcome.as_json(), **removal.as_json()}


def _endpoint_changed(
    event: Mapping[str, Any], clients: Clients, endpoints: Endpoints, deadline: Deadline
) -> Result:
    name = event.get("detail", {}).get("EndpointName")
    if not name:
        raise EventError("the event has no detail.EndpointName")
    live = api.endpoint(clients.sagemaker, name) if endpoints.serves(name) else None
    if live is None or TASK not in api.tags(clients.sagemaker, live["EndpointArn"]):
        return Outcome("none", name, "Absent", reason="not an endpoint of this project").as_json()
    if live["EndpointStatus"] in api.IN_TRANSITION:
        return Outcome("none", name, live["EndpointStatus"], reason="it has not come to its end").as_json()
    return Deployment(clients, endpoints.of(name), name, deadline, None).run().as_json()


def _scheduled(
    event: Mapping[str, Any],  # noqa: ARG001
    clients: Clients,
    endpoints: Endpoints,
    deadline: Deadline,
) -> Result:
    names = list(expired(clients.sagemaker, datetime.now(UTC), endpoints.serves))
    return {"expired": [teardown(clients, name, deadline).as_json() for name in names]}
