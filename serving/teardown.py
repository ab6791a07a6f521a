"""Remove what serves a task: the endpoint, then its configurations, then its models. Repeatable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from serving import api, scaling
from serving.api import Clients, Deadline
from serving.names import EXPIRES, NEVER, REMOVED, TASK, as_time, front, is_made_for, parse_time


@dataclass
class Removal:
    """What was removed, in that order, and what remains with the reason.

    Attributes:
        endpoint: the endpoint's name.
        removed: kind and name of each.
        remaining: kind, name and reason of each.

    """

    endpoint: str
    removed: list[dict[str, str]] = field(default_factory=list)
    remaining: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the removal as plain data."""
        return {"endpoint": self.endpoint, "removed": self.removed, "remaining": self.remaining}


def teardown(clients: Clients, group: str, deadline: Deadline) -> Removal:
    """Remove a group's endpoint and what was made for it.

    Only what carries this project's tag is touched. Where something cannot be removed (yet), what it needs
    remains with it; a second call goes on.
    """
    removal = Removal(group)
    if _remove_endpoint(clients, removal, deadline):
        _remove_tagged(clients.sagemaker, removal, _CONFIGS)
        _remove_tagged(clients.sagemaker, removal, _MODELS)
        _note(clients.sagemaker, group)
    return removal


def expired(sagemaker: Any, now: datetime, served: Callable[[str], bool]) -> Iterator[str]:
    """Yield the names of the endpoints whose time to live is over, of those that `served` tells."""
    for entry in api.pages(sagemaker.list_endpoints, "Endpoints"):
        if not served(entry["EndpointName"]):
            continue
        moment = api.tags(sagemaker, entry["EndpointArn"]).get(EXPIRES, NEVER)
        if moment != NEVER and parse_time(moment) <= now:
            yield entry["EndpointName"]


def removed_since(sagemaker: Any, group: str, moment: datetime) -> bool:
    """Return whether a group's endpoint was removed after `moment`: an event from then is out of date."""
    found = api.found(sagemaker.describe_model_package_group, ModelPackageGroupName=group)
    if found is None:
        return False
    noted = api.tags(sagemaker, found["ModelPackageGroupArn"]).get(REMOVED)
    return noted is not None and moment < parse_time(noted)


def _note(sagemaker: Any, group: str) -> None:
    """Note the removal on the group, so that a late copy of an approval does not bring the endpoint back."""
    found = api.found(sagemaker.describe_model_package_group, ModelPackageGroupName=group)
    if found is not None:
        api.add_tags(sagemaker, found["ModelPackageGroupArn"], {REMOVED: as_time(datetime.now(UTC))})


# --- the endpoint -------------------------------------------------------------------------------------------


def _remove_endpoint(clients: Clients, removal: Removal, deadline: Deadline) -> bool:
    """Delete the endpoint and wait until it is gone; return whether it is."""
    sagemaker, name = clients.sagemaker, removal.endpoint
    live = api.settled(sagemaker, name, deadline)
    if live is None:
        return True
    tags = api.tags(sagemaker, live["EndpointArn"])
    if TASK not in tags:
        _remains(removal, "endpoint", name, f"it has no tag {TASK}: something else made it")
        return False
    if live["EndpointStatus"] not in api.IN_TRANSITION:
        scaling.remove(clients, name, tags)
        try:
            sagemaker.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if api.endpoint(sagemaker, name) is not None:
                _remains(removal, "endpoint", name, _reason(error))
                return False
        live = api.settled(sagemaker, name, deadline)
    if live is not None:
        _remains(
            removal, "endpoint", name, f"it is still {live['EndpointStatus']}; repeat the teardown later"
        )
        return False
    removal.removed.append({"kind": "endpoint", "name": name})
    return True


# --- configurations and models ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """How things of a kind are listed and deleted."""

    kind: str
    listing: str
    key: str
    name: str
    arn: str
    delete: str


_CONFIGS = _Kind(
    "endpoint configuration",
    "list_endpoint_configs",
    "EndpointConfigs",
    "EndpointConfigName",
    "EndpointConfigArn",
    "delete_endpoint_config",
)
_MODELS = _Kind("model", "list_models", "Models", "ModelName", "ModelArn", "delete_model")


def _remove_tagged(sagemaker: Any, removal: Removal, kind: _Kind) -> None:
    listing: Callable[..., dict[str, Any]] = getattr(sagemaker, kind.listing)
    group = removal.endpoint
    entries = [
        entry
        for entry in api.pages(listing, kind.key, NameContains=front(group))
        if is_made_for(group, entry[kind.name]) and TASK in api.tags(sagemaker, entry[kind.arn])
    ]
    for entry in entries:
        name = entry[kind.name]
        try:
            getattr(sagemaker, kind.delete)(**{kind.name: name})
        except ClientError as error:
            if not api.is_absent(error):
                _remains(removal, kind.kind, name, _reason(error))
            continue
        removal.removed.append({"kind": kind.kind, "name": name})


def _remains(removal: Removal, kind: str, name: str, reason: str) -> None:
    removal.remaining.append({"kind": kind, "name": name, "reason": reason})


def _reason(error: ClientError) -> str:
    return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
