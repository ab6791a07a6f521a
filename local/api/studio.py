"""What domains, user profiles, spaces and apps have in common: records inside a domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.api.errors import not_found
from local.api.pagination import page
from local.api.service import Service
from local.resources import Resource

_LIVE = "InService"
DELETED = "Deleted"
_NOT_KEPT = ("Tags", "ClientRequestToken")


def add(service: Service, kind: str, name: str, own: str, request: dict[str, Any], **more: Any) -> str:
    """Record a resource that is in service at once; return its ARN."""
    kept = {key: value for key, value in request.items() if key not in _NOT_KEPT}
    service.resources.add(kind, name, own, kept, status=_LIVE, description=more)
    service.tags.add(own, request.get("Tags", []))
    return own


def described(item: Resource) -> dict[str, Any]:
    """Return what Describe and List answers are made of."""
    return {
        **item.request,
        **item.description,
        "Status": item.status,
        "CreationTime": item.created,
        "LastModifiedTime": item.modified,
    }


def update(service: Service, item: Resource, request: dict[str, Any], *keys: str) -> None:
    """Change what a request names, but for the members `keys`."""
    changed = {key: value for key, value in request.items() if key not in keys}
    service.resources.update(item.kind, item.name, request={**item.request, **changed})


def paged(
    request: dict[str, Any], items: Sequence[Mapping[str, Any]], identity: Callable[[Any], str]
) -> tuple[list[Any], dict[str, str]]:
    """Return a page of described resources, oldest first unless asked otherwise."""
    return page(
        request,
        items,
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "LastModifiedTime": lambda item: item["LastModifiedTime"],
            "Name": identity,
        },
        identity=identity,
        order="Ascending",
    )


def inside(service: Service, kind: str, domain: str) -> list[Resource]:
    """Return the resources of a kind that are in a domain and not deleted."""
    return [
        item
        for item in service.resources.all(kind)
        if item.request["DomainId"] == domain and item.status != DELETED
    ]


def domain(service: Service, identity: str) -> Resource:
    """Return a domain.

    Raises:
        ServiceError: ResourceNotFound.

    """
    found = service.resources.get("domain", identity)
    if found is None:
        raise not_found(f"Domain [{identity}] does not exist.")
    return found


def member(service: Service, kind: str, word: str, identity: str, name: str) -> Resource:
    """Return a user profile or space of a domain.

    Raises:
        ServiceError: ResourceNotFound.

    """
    found = service.resources.get(kind, f"{domain(service, identity).name}/{name}")
    if found is None:
        raise not_found(f"{word} [{identity}/{name}] does not exist.")
    return found


def profile(service: Service, request: dict[str, Any]) -> Resource:
    """Return the user profile that a request names by DomainId and UserProfileName."""
    return member(service, "user-profile", "UserProfile", request["DomainId"], request["UserProfileName"])


def space(service: Service, request: dict[str, Any]) -> Resource:
    """Return the space that a request names by DomainId and SpaceName."""
    return member(service, "space", "Space", request["DomainId"], request["SpaceName"])
