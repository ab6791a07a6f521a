"""Lifecycle configurations of Studio: kept as records, since no application runs here."""

from __future__ import annotations

from typing import Any

from local.api.errors import in_use, not_found
from local.api.pagination import wanted
from local.api.registry import operation
from local.api.service import Service
from local.api.studio import add, described, paged
from local.arns import arn
from local.resources import Resource

_KIND = "studio-lifecycle-config"


@operation("CreateStudioLifecycleConfig")
def create_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a lifecycle configuration."""
    name = request["StudioLifecycleConfigName"]
    if service.resources.get(_KIND, name) is not None:
        raise in_use(f"StudioLifecycleConfig [{name}] exists already")
    own = arn(_KIND, name.lower())
    add(service, _KIND, name, own, request, StudioLifecycleConfigArn=own)
    return {"StudioLifecycleConfigArn": own}


@operation("DescribeStudioLifecycleConfig")
def describe_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a lifecycle configuration with its script."""
    return described(_config(service, request))


@operation("ListStudioLifecycleConfigs")
def list_configs(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return lifecycle configurations, oldest first."""
    items = [
        described(item)
        for item in service.resources.all(_KIND)
        if request.get("AppTypeEquals", item.request["StudioLifecycleConfigAppType"])
        == item.request["StudioLifecycleConfigAppType"]
    ]
    found = wanted(request, items, "StudioLifecycleConfigName")
    shown, more = paged(request, found, lambda item: item["StudioLifecycleConfigName"])
    return {"StudioLifecycleConfigs": shown, **more}


@operation("DeleteStudioLifecycleConfig")
def delete_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a lifecycle configuration."""
    service.resources.delete(_KIND, _config(service, request).name)
    return {}


def _config(service: Service, request: dict[str, Any]) -> Resource:
    name = request["StudioLifecycleConfigName"]
    found = service.resources.get(_KIND, name)
    if found is None:
        raise not_found(f"StudioLifecycleConfig [{name}] does not exist.")
    return found
