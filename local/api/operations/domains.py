"""Domains: what user profiles, spaces and apps live in."""

from __future__ import annotations

import os
from typing import Any

from local.api.errors import in_use
from local.api.registry import operation
from local.api.service import Service
from local.api.studio import add, described, domain, inside, paged, update
from local.arns import REGION, arn


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
    add(service, "domain", identity, own, request, DomainId=identity, DomainArn=own, Url=url)
    return {"DomainArn": own, "DomainId": identity, "Url": url}


@operation("DescribeDomain")
def describe_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a domain."""
    return described(domain(service, request["DomainId"]))


@operation("ListDomains")
def list_domains(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return domains, oldest first."""
    items = [described(item) for item in service.resources.all("domain")]
    shown, more = paged(request, items, lambda item: item["DomainId"])
    return {"Domains": shown, **more}


@operation("UpdateDomain")
def update_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change what the request names."""
    found = domain(service, request["DomainId"])
    settings = request.get("DomainSettingsForUpdate", {})
    merged = {**found.request.get("DomainSettings", {}), **settings}
    update(
        service,
        found,
        {**request, **({"DomainSettings": merged} if settings else {})},
        "DomainSettingsForUpdate",
    )
    return {"DomainArn": found.arn}


@operation("DeleteDomain")
def delete_domain(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a domain that nothing is left in."""
    found = domain(service, request["DomainId"])
    for kind, plural in (("app", "apps"), ("space", "spaces"), ("user-profile", "user profiles")):
        left = [item.name for item in inside(service, kind, found.name)]
        if left:
            raise in_use(
                f"Unable to delete Domain [{found.name}] because it has {plural} associated: "
                f"{', '.join(left)}; delete apps first, then spaces, then user profiles"
            )
    for item in service.resources.all("app"):
        if item.request["DomainId"] == found.name:  # the deleted ones, which could be described until now
            service.resources.delete("app", item.name)
    service.resources.delete("domain", found.name)
    return {}
