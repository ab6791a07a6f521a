"""Apps of user profiles and spaces: records, since nothing of Studio runs here."""

from __future__ import annotations

from typing import Any

from local.api.errors import in_use, invalid, not_found
from local.api.registry import operation
from local.api.service import Service
from local.api.studio import DELETED, add, described, paged, profile, space
from local.arns import arn
from local.resources import Resource


def _app_name(service: Service, request: dict[str, Any]) -> str:
    """Return an app's name among the resources; its user profile or space has to exist."""
    if ("UserProfileName" in request) == ("SpaceName" in request):
        raise invalid("give one of UserProfileName and SpaceName")
    owner = profile(service, request) if "UserProfileName" in request else space(service, request)
    return f"{owner.kind}/{owner.name}/{request['AppType']}/{request['AppName']}"


@operation("CreateApp")
def create_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make an app; it runs nothing here."""
    name = _app_name(service, request)
    there = service.resources.get("app", name)
    if there and there.status != DELETED:
        raise in_use(f"App [{name}] exists already")
    owner = request.get("UserProfileName") or request["SpaceName"]
    path = (request["DomainId"], owner, request["AppType"], request["AppName"])
    own = arn("app", "/".join(path).lower())
    return {"AppArn": add(service, "app", name, own, request, AppArn=own)}


def _app(service: Service, request: dict[str, Any]) -> Resource:
    name = _app_name(service, request)
    found = service.resources.get("app", name)
    if found is None:
        raise not_found(f"App [{name}] does not exist.")
    return found


@operation("DescribeApp")
def describe_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return an app; one that was deleted says so."""
    return described(_app(service, request))


@operation("ListApps")
def list_apps(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return apps, oldest first."""
    filters = {
        "DomainIdEquals": "DomainId",
        "UserProfileNameEquals": "UserProfileName",
        "SpaceNameEquals": "SpaceName",
    }
    items = [
        described(item)
        for item in service.resources.all("app")
        if all(request[key] == item.request.get(member) for key, member in filters.items() if key in request)
    ]
    shown, more = paged(request, items, lambda item: item["AppArn"])
    return {"Apps": shown, **more}


@operation("DeleteApp")
def delete_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """End an app; it can be described still, as Deleted, until its domain is gone."""
    found = _app(service, request)
    if found.status == DELETED:
        raise not_found(f"App [{found.name}] is deleted already.")
    service.resources.update("app", found.name, status=DELETED)
    return {}
