"""Spaces of a domain: shared ones, or a user's own."""

from __future__ import annotations

from typing import Any

from local.api.errors import in_use
from local.api.registry import operation
from local.api.service import Service
from local.api.studio import add, described, domain, inside, paged, profile, space, update
from local.arns import arn


@operation("CreateSpace")
def create_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a space in a domain, a user's or a shared one."""
    around = domain(service, request["DomainId"])
    name = f"{around.name}/{request['SpaceName']}"
    own = arn("space", name.lower())
    if service.resources.find(own):
        raise in_use(f"Space [{name}] exists already")
    owner = request.get("OwnershipSettings", {}).get("OwnerUserProfileName")
    if owner:
        profile(service, {"DomainId": around.name, "UserProfileName": owner})
    return {"SpaceArn": add(service, "space", name, own, request, SpaceArn=own)}


@operation("DescribeSpace")
def describe_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a space."""
    return described(space(service, request))


@operation("ListSpaces")
def list_spaces(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return spaces, oldest first."""
    items = [
        described(item)
        for item in service.resources.all("space")
        if request.get("DomainIdEquals", item.request["DomainId"]) == item.request["DomainId"]
        and request.get("SpaceNameContains", "").lower() in item.request["SpaceName"].lower()
    ]
    shown, more = paged(request, items, lambda item: f"{item['DomainId']}/{item['SpaceName']}")
    return {"Spaces": shown, **more}


@operation("UpdateSpace")
def update_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change a space's settings or shown name."""
    found = space(service, request)
    update(service, found, request)
    return {"SpaceArn": found.arn}


@operation("DeleteSpace")
def delete_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a space that has no apps."""
    found = space(service, request)
    apps = [
        item.name
        for item in inside(service, "app", request["DomainId"])
        if item.request.get("SpaceName") == request["SpaceName"]
    ]
    if apps:
        raise in_use(
            f"Unable to delete Space [{found.name}] because it has apps associated: {', '.join(apps)}; "
            "delete those first"
        )
    service.resources.delete("space", found.name)
    return {}
