"""User profiles of a domain."""

from __future__ import annotations

from typing import Any

from local.api.errors import in_use
from local.api.registry import operation
from local.api.service import Service
from local.api.studio import add, described, domain, inside, paged, profile, update
from local.arns import arn


@operation("CreateUserProfile")
def create_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a user profile in a domain."""
    around = domain(service, request["DomainId"])
    name = f"{around.name}/{request['UserProfileName']}"
    own = arn("user-profile", name.lower())
    if service.resources.find(own):
        raise in_use(f"UserProfile [{name}] exists already")
    return {"UserProfileArn": add(service, "user-profile", name, own, request, UserProfileArn=own)}


@operation("DescribeUserProfile")
def describe_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a user profile."""
    return described(profile(service, request))


@operation("ListUserProfiles")
def list_profiles(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return user profiles, oldest first."""
    items = [
        described(item)
        for item in service.resources.all("user-profile")
        if request.get("DomainIdEquals", item.request["DomainId"]) == item.request["DomainId"]
        and request.get("UserProfileNameContains", "").lower() in item.request["UserProfileName"].lower()
    ]
    shown, more = paged(request, items, lambda item: f"{item['DomainId']}/{item['UserProfileName']}")
    return {"UserProfiles": shown, **more}


@operation("UpdateUserProfile")
def update_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change a user profile's settings."""
    found = profile(service, request)
    update(service, found, request)
    return {"UserProfileArn": found.arn}


@operation("DeleteUserProfile")
def delete_profile(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a user profile that has no apps and owns no spaces."""
    found = profile(service, request)
    user = request["UserProfileName"]
    apps = [
        item.name
        for item in inside(service, "app", request["DomainId"])
        if item.request.get("UserProfileName") == user
    ]
    spaces = [
        item.name
        for item in inside(service, "space", request["DomainId"])
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
