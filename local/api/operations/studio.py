"""Domains, user profiles, spaces and apps: records, and the order in which they can be deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from local.api.errors import in_use, invalid, not_found
from local.api.pagination import page
from local.api.registry import operation
from local.api.service import Service
from local.arns import REGION, arn
from local.resources import Resource

_LIVE = "InService"
_DELETED = "Deleted"
_NOT_KEPT = ("Tags", "ClientRequestToken")


def _add(service: Service, kind: str, name: str, own: str, request: dict[str, Any], **more: Any) -> str:
    kept = {key: value for key, value in request.items() if key not in _NOT_KEPT}
    service.resources.add(kind, name, own, kept, status=_LIVE, description=more)
    service.tags.add(own, request.get("Tags", []))
    return own


def _described(item: Resource) -> dict[str, Any]:
    return {
        **item.request,
        **item.description,
        "Status": item.status,
        "CreationTime": item.created,
        "LastModifiedTime": item.modified,
    }


def _update(service: Service, item: Resource, request: dict[str, Any], *keys: str) -> None:
    changed = {key: value for key, value in request.items() if key not in keys}
    service.resources.update(item.kind, item.name, request={**item.request, **changed})


def _page(
    request: dict[str, Any], items: list[dict[str, Any]], identity: Callable[[Any], str]
) -> tuple[list[Any], dict[str, str]]:
    return page(
        request,
        items,
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "LastModifiedTime": lambda item: item["LastModifiedTime"],
        },
        identity=identity,
        order="Ascending",
    )


# --- domains ------------------------------------------------------------------------------------------------


def _domain(service: Service, identity: str) -> Resource:
    found = service.resources.get("domain", identity)
    if found is None:
        raise not_found(f"Domain [{identity}] does not exist.")
    return found


def _inside(service: Service, kind: str, domain: str) -> list[Resource]:
    return [item for item in service.resources.all(kind) if item.request["DomainId"] == domain]


@operation("CreateDomain")
def create_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a domain."""
    taken = [
        item
        for item in service.resources.all("domain")
        if item.request["DomainName"] == request["DomainName"]
    ]
    if taken:
        raise in_use(f"Domain {request['DomainName']} exists already: {taken[0].arn}")
    identity = f"d-{os.urandom(6).hex()}"
    own, url = arn("domain", identity), f"https://{identity}.studio.{REGION}.sagemaker.aws"
    _add(service, "domain", identity, own, request, DomainId=identity, DomainArn=own, Url=url)
    return {"DomainArn": own, "DomainId": identity, "Url": url}


@operation("DescribeDomain")
def describe_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a domain."""
    return _described(_domain(service, request["DomainId"]))


@operation("ListDomains")
def list_domains(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return domains, oldest first."""
    items = [_described(item) for item in service.resources.all("domain")]
    shown, more = _page(request, items, lambda item: item["DomainId"])
    return {"Domains": shown, **more}


@operation("UpdateDomain")
def update_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change what the request names."""
    found = _domain(service, request["DomainId"])
    settings = request.get("DomainSettingsForUpdate", {})
    merged = {**found.request.get("DomainSettings", {}), **settings}
    _update(
        service,
        found,
        {**request, **({"DomainSettings": merged} if settings else {})},
        "DomainSettingsForUpdate",
    )
    return {"DomainArn": found.arn}


@operation("DeleteDomain")
def delete_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a domain that nothing is left in."""
    found = _domain(service, request["DomainId"])
    for kind, plural in (("app", "apps"), ("space", "spaces"), ("user-profile", "user profiles")):
        left = [item.name for item in _inside(service, kind, found.name) if item.status != _DELETED]
        if left:
            raise in_use(
                f"Unable to delete Domain [{found.name}] because it has {plural} associated: "
                f"{', '.join(left)}; delete apps first, then spaces, then user profiles"
            )
    for item in _inside(service, "app", found.name):
        service.resources.delete("app", item.name)
    service.resources.delete("domain", found.name)
    return {}


# --- user profiles ------------------------------------------------------------------------------------------


def _profile(service: Service, request: dict[str, Any]) -> Resource:
    _domain(service, request["DomainId"])
    found = service.resources.get("user-profile", f"{request['DomainId']}/{request['UserProfileName']}")
    if found is None:
        raise not_found(f"UserProfile [{request['DomainId']}/{request['UserProfileName']}] does not exist.")
    return found


@operation("CreateUserProfile")
def create_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a user profile in a domain."""
    domain = _domain(service, request["DomainId"])
    name = f"{domain.name}/{request['UserProfileName']}"
    if service.resources.get("user-profile", name):
        raise in_use(f"UserProfile [{name}] exists already")
    own = arn("user-profile", f"{domain.name}/{request['UserProfileName'].lower()}")
    return {"UserProfileArn": _add(service, "user-profile", name, own, request, UserProfileArn=own)}


@operation("DescribeUserProfile")
def describe_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a user profile."""
    return _described(_profile(service, request))


@operation("ListUserProfiles")
def list_profiles(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return user profiles, oldest first."""
    items = [
        _described(item)
        for item in service.resources.all("user-profile")
        if request.get("DomainIdEquals", item.request["DomainId"]) == item.request["DomainId"]
        and request.get("UserProfileNameContains", "").lower() in item.request["UserProfileName"].lower()
    ]
    shown, more = _page(request, items, lambda item: f"{item['DomainId']}/{item['UserProfileName']}")
    return {"UserProfiles": shown, **more}


@operation("UpdateUserProfile")
def update_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change a user profile's settings."""
    found = _profile(service, request)
    _update(service, found, request)
    return {"UserProfileArn": found.arn}


@operation("DeleteUserProfile")
def delete_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a user profile that has no apps and owns no spaces."""
    found = _profile(service, request)
    user = request["UserProfileName"]
    apps = [
        item.name
        for item in _inside(service, "app", request["DomainId"])
        if item.request.get("UserProfileName") == user and item.status != _DELETED
    ]
    spaces = [
        item.name
        for item in _inside(service, "space", request["DomainId"])
        if item.request.get("OwnershipSettings", {}).get("OwnerUserProfileName") == user
    ]
    for plural, left in (("apps", apps), ("spaces", spaces)):
        if left:
            raise in_use(
                f"Unable to delete UserProfile [{found.name}] because it has {plural} associated: "
                f"{', '.join(left)}; delete those first"
            )
    service.resources.delete("user-profile", found.name)
    return {}


# --- spaces -------------------------------------------------------------------------------------------------


def _space(service: Service, request: dict[str, Any]) -> Resource:
    _domain(service, request["DomainId"])
    found = service.resources.get("space", f"{request['DomainId']}/{request['SpaceName']}")
    if found is None:
        raise not_found(f"Space [{request['DomainId']}/{request['SpaceName']}] does not exist.")
    return found


@operation("CreateSpace")
def create_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a space in a domain, a user's or a shared one."""
    domain = _domain(service, request["DomainId"])
    name = f"{domain.name}/{request['SpaceName']}"
    if service.resources.get("space", name):
        raise in_use(f"Space [{name}] exists already")
    owner = request.get("OwnershipSettings", {}).get("OwnerUserProfileName")
    if owner:
        _profile(service, {"DomainId": domain.name, "UserProfileName": owner})
    own = arn("space", f"{domain.name}/{request['SpaceName'].lower()}")
    return {"SpaceArn": _add(service, "space", name, own, request, SpaceArn=own)}


@operation("DescribeSpace")
def describe_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a space."""
    return _described(_space(service, request))


@operation("ListSpaces")
def list_spaces(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return spaces, oldest first."""
    items = [
        _described(item)
        for item in service.resources.all("space")
        if request.get("DomainIdEquals", item.request["DomainId"]) == item.request["DomainId"]
        and request.get("SpaceNameContains", "").lower() in item.request["SpaceName"].lower()
    ]
    shown, more = _page(request, items, lambda item: f"{item['DomainId']}/{item['SpaceName']}")
    return {"Spaces": shown, **more}


@operation("UpdateSpace")
def update_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change a space's settings or shown name."""
    found = _space(service, request)
    _update(service, found, request)
    return {"SpaceArn": found.arn}


@operation("DeleteSpace")
def delete_space(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a space that has no apps."""
    found = _space(service, request)
    apps = [
        item.name
        for item in _inside(service, "app", request["DomainId"])
        if item.request.get("SpaceName") == request["SpaceName"] and item.status != _DELETED
    ]
    if apps:
        raise in_use(
            f"Unable to delete Space [{found.name}] because it has apps associated: {', '.join(apps)}; "
            "delete those first"
        )
    service.resources.delete("space", found.name)
    return {}


# --- apps ---------------------------------------------------------------------------------------------------


def _app_name(service: Service, request: dict[str, Any]) -> str:
    """Return an app's name among the resources; its user profile or space has to exist."""
    if ("UserProfileName" in request) == ("SpaceName" in request):
        raise invalid("give one of UserProfileName and SpaceName")
    owner = _profile(service, request) if "UserProfileName" in request else _space(service, request)
    return f"{owner.kind}/{owner.name}/{request['AppType']}/{request['AppName']}"


@operation("CreateApp")
def create_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make an app; it runs nothing here."""
    name = _app_name(service, request)
    there = service.resources.get("app", name)
    if there and there.status != _DELETED:
        raise in_use(f"App [{name}] exists already")
    owner = request.get("UserProfileName") or request["SpaceName"]
    path = (request["DomainId"], owner, request["AppType"], request["AppName"])
    own = arn("app", "/".join(path).lower())
    return {"AppArn": _add(service, "app", name, own, request, AppArn=own)}


def _app(service: Service, request: dict[str, Any]) -> Resource:
    name = _app_name(service, request)
    found = service.resources.get("app", name)
    if found is None:
        raise not_found(f"App [{name}] does not exist.")
    return found


@operation("DescribeApp")
def describe_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return an app; one that was deleted says so."""
    return _described(_app(service, request))


@operation("ListApps")
def list_apps(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return apps, oldest first."""
    filters = {
        "DomainIdEquals": "DomainId",
        "UserProfileNameEquals": "UserProfileName",
        "SpaceNameEquals": "SpaceName",
    }
    items = [
        _described(item)
        for item in service.resources.all("app")
        if all(request[key] == item.request.get(member) for key, member in filters.items() if key in request)
    ]
    shown, more = _page(request, items, lambda item: item["AppArn"])
    return {"Apps": shown, **more}


@operation("DeleteApp")
def delete_app(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """End an app; it can be described still, as Deleted, until its domain is gone."""
    found = _app(service, request)
    if found.status == _DELETED:
        raise not_found(f"App [{found.name}] is deleted already.")
    service.resources.update("app", found.name, status=_DELETED)
    return {}
