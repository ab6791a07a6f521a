"""Endpoints."""

from __future__ import annotations

import copy
import json
from typing import Any

from local.api.alarms import provide_alarms, require_alarms
from local.api.errors import ServiceError, invalid
from local.api.operations.endpoint_configs import config
from local.api.operations.models import model
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn, now
from local.endpoints.endpoint import Endpoint
from local.endpoints.record import Configuration, Pending
from local.endpoints.shifting import plan


@operation("CreateEndpoint")
def create_endpoint(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Start to serve a configuration."""
    name = request["EndpointName"]
    own = arn("endpoint", name.lower())
    if service.endpoints.find(name) is not None or service.resources.find(own) is not None:
        raise invalid(f'Cannot create already existing endpoint "{own}".')
    configuration = _snapshot(service, request["EndpointConfigName"])
    provide_alarms(service, name)
    _check_deployment(service, request.get("DeploymentConfig"), configuration)
    service.endpoints.create(name, configuration, request.get("DeploymentConfig"))
    service.tags.add(own, request.get("Tags", []))
    return {"EndpointArn": own}


@operation("DescribeEndpoint")
def describe_endpoint(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return an endpoint, how far it is and what serves."""
    _endpoint(service, request["EndpointName"])
    return service.endpoints.describe(request["EndpointName"])


@operation("ListEndpoints")
def list_endpoints(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return endpoints, newest first."""
    items = [
        {
            "EndpointName": found.name,
            "EndpointArn": found.arn,
            "CreationTime": found.created,
            "LastModifiedTime": found.modified,
            "EndpointStatus": found.status,
        }
        for found in service.resources.all("endpoint")
        if request.get("StatusEquals") in (None, found.status)
    ]
    shown, more = page(
        request,
        wanted(request, items, "EndpointName"),
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "Name": lambda item: item["EndpointName"],
            "Status": lambda item: item["EndpointStatus"],
        },
        identity=lambda item: item["EndpointName"],
    )
    return {"Endpoints": shown, **more}


@operation("UpdateEndpoint")
def update_endpoint(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Deploy another configuration, with the old one serving until the new one does."""
    endpoint = _endpoint(service, request["EndpointName"])
    _require_in_service(endpoint)
    configuration = _snapshot(service, request["EndpointConfigName"])
    _check_change(endpoint.record.configuration, configuration)
    deployment = request.get("DeploymentConfig")
    if request.get("RetainDeploymentConfig") and deployment is None:
        deployment = endpoint.record.deployment
    if request.get("RetainAllVariantProperties"):
        excluded = {
            each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])
        }
        _retain(service, endpoint, configuration, excluded)
    provide_alarms(service, endpoint.record.name)
    _check_deployment(service, deployment, configuration)
    _check_names(deployment, endpoint.record.configuration, configuration)
    service.endpoints.update(endpoint, Pending(configuration, deployment, now()))
    return {"EndpointArn": endpoint.record.arn}


@operation("UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change weights, instance counts and serverless concurrency of a live endpoint."""
    endpoint = _endpoint(service, request["EndpointName"])
    _require_in_service(endpoint)
    configuration = copy.deepcopy(endpoint.record.configuration)
    variants = {each["VariantName"]: each for each in configuration.request["ProductionVariants"]}
    for wish in request["DesiredWeightsAndCapacities"]:
        if wish["VariantName"] not in variants:
            raise invalid(f"there is no variant {wish['VariantName']!r}; there is {', '.join(variants)}")
        _apply(wish, variants[wish["VariantName"]], configuration.asynchronous)
    if not any(variant.get("InitialVariantWeight", 1.0) > 0 for variant in variants.values()):
        raise invalid("at least one variant needs a DesiredWeight above 0")
    service.endpoints.scale(endpoint, configuration)
    return {"EndpointArn": endpoint.record.arn}


@operation("DeleteEndpoint")
def delete_endpoint(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Stop serving; configuration and models stay."""
    endpoint = _endpoint(service, request["EndpointName"])
    if endpoint.record.status not in ("InService", "Failed"):
        raise _in_progress(endpoint)
    service.endpoints.delete(endpoint)
    return {}


def _endpoint(service: Service, name: str) -> Endpoint:
    endpoint = service.endpoints.find(name)
    if endpoint is None:
        raise invalid(f'Could not find endpoint "{arn("endpoint", name.lower())}".')
    return endpoint


def _require_in_service(endpoint: Endpoint) -> None:
    if endpoint.record.status == "Failed":
        raise invalid(
            f'Cannot update endpoint "{endpoint.record.arn}" with status "Failed": delete it, create it anew'
        )
    if endpoint.record.status != "InService":
        raise _in_progress(endpoint)


def _in_progress(endpoint: Endpoint) -> ServiceError:
    return invalid(f'Cannot update in-progress endpoint "{endpoint.record.arn}".')


def _snapshot(service: Service, name: str) -> Configuration:
    """Return a configuration with its models as they are now."""
    found = config(service, name)
    names = {variant["ModelName"] for variant in found.request["ProductionVariants"]}
    models = {each: json.loads(model(service, each)["request"]) for each in sorted(names)}
    return Configuration(found.name, copy.deepcopy(found.request), models)


def _check_change(old: Configuration, new: Configuration) -> None:
    if old.asynchronous != new.asynchronous:
        raise invalid("an endpoint cannot change between asynchronous and other inference; create another")
    if old.serverless and not new.serverless:
        raise invalid("a serverless endpoint cannot become an instance-based one; create another")


def _check_deployment(
    service: Service, deployment: dict[str, Any] | None, configuration: Configuration
) -> None:
    variants = configuration.request["ProductionVariants"]
    rolling = "RollingUpdatePolicy" in (deployment or {})
    if rolling and (configuration.serverless or len(variants) > 1):
        raise invalid("a rolling deployment needs one variant on instances; use BlueGreenUpdatePolicy")
    try:
        steps = plan(deployment, min(variant.get("InitialInstanceCount", 1) for variant in variants))
    except ValueError as error:
        raise invalid(str(error)) from None
    require_alarms(service, steps.alarms)


def _check_names(deployment: dict[str, Any] | None, old: Configuration, new: Configuration) -> None:
    if deployment is None:
        return
    names = [sorted(each["VariantName"] for each in c.request["ProductionVariants"]) for c in (old, new)]
    if names[0] != names[1]:
        raise invalid(
            f"a deployment with guardrails keeps the variants' names: they are {', '.join(names[0])}, "
            f"but {new.name} has {', '.join(names[1])}"
        )


def _retain(service: Service, endpoint: Endpoint, new: Configuration, excluded: set[str]) -> None:
    """Keep what the live endpoint's variants have come to, for variants of the same name."""
    kept = service.endpoints.current(endpoint)
    for variant in new.request["ProductionVariants"]:
        old = kept.get(variant["VariantName"], {})
        if "DesiredWeight" not in excluded and "InitialVariantWeight" in old:
            variant["InitialVariantWeight"] = old["InitialVariantWeight"]
        for member in ("InitialInstanceCount", "ServerlessConfig"):
            if "DesiredInstanceCount" not in excluded and member in old and member in variant:
                variant[member] = old[member]
    capture = endpoint.record.configuration.request.get("DataCaptureConfig")
    if "DataCaptureConfig" not in excluded and capture is not None:
        new.request["DataCaptureConfig"] = capture


def _apply(wish: dict[str, Any], variant: dict[str, Any], asynchronous: bool) -> None:
    if "DesiredWeight" in wish:
        variant["InitialVariantWeight"] = wish["DesiredWeight"]
    if "DesiredInstanceCount" in wish:
        if "ServerlessConfig" in variant:
            raise invalid(f"variant {wish['VariantName']} is serverless: it takes no DesiredInstanceCount")
        if wish["DesiredInstanceCount"] == 0 and not asynchronous:
            raise invalid(f"variant {wish['VariantName']} needs at least one instance")
        variant["InitialInstanceCount"] = wish["DesiredInstanceCount"]
    if "ServerlessUpdateConfig" in wish:
        if "ServerlessConfig" not in variant:
            raise invalid(f"variant {wish['VariantName']} is not serverless")
        variant["ServerlessConfig"] = {**variant["ServerlessConfig"], **wish["ServerlessUpdateConfig"]}
