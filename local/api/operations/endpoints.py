"""Endpoint configurations and endpoints."""

from __future__ import annotations

import copy
import json
from typing import Any

from local.api.errors import ServiceError, invalid
from local.api.operations.models import model
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn, now
from local.endpoints.endpoint import Endpoint
from local.endpoints.record import Configuration, Pending
from local.endpoints.shifting import plan
from local.resources import Resource

_CONFIG = "endpoint-config"

# --- endpoint configurations --------------------------------------------------------------------------------


@operation("CreateEndpointConfig")
def create_endpoint_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Record which models serve, on what, and how much of the traffic each gets."""
    name = request["EndpointConfigName"]
    own = arn(_CONFIG, name.lower())
    if _config_or_none(service, name) is not None:
        raise invalid(f'Cannot create already existing endpoint configuration "{own}".')
    _check_variants(service, request)
    _check_kind(request)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    service.resources.add(_CONFIG, name, own, kept)
    service.tags.add(own, request.get("Tags", []))
    return {"EndpointConfigArn": own}


@operation("DescribeEndpointConfig")
def describe_endpoint_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration."""
    found = _config(service, request["EndpointConfigName"])
    return {**found.request, "EndpointConfigArn": found.arn, "CreationTime": found.created}


@operation("ListEndpointConfigs")
def list_endpoint_configs(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return configurations, newest first."""
    items = [
        {"EndpointConfigName": found.name, "EndpointConfigArn": found.arn, "CreationTime": found.created}
        for found in service.resources.all(_CONFIG)
    ]
    shown, more = page(
        request,
        wanted(request, items, "EndpointConfigName"),
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "Name": lambda item: item["EndpointConfigName"],
        },
        identity=lambda item: item["EndpointConfigName"],
    )
    return {"EndpointConfigs": shown, **more}


@operation("DeleteEndpointConfig")
def delete_endpoint_config(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a configuration; an endpoint that was made from it serves on."""
    found = _config(service, request["EndpointConfigName"])
    service.resources.delete(_CONFIG, found.name)
    return {}


def _config_or_none(service: Service, name: str) -> Resource | None:
    return service.resources.find(arn(_CONFIG, name.lower()))


def _config(service: Service, name: str) -> Resource:
    found = _config_or_none(service, name)
    if found is None:
        raise invalid(f'Could not find endpoint configuration "{arn(_CONFIG, name.lower())}".')
    return found


def _check_variants(service: Service, request: dict[str, Any]) -> None:
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise invalid(f"the names of the ProductionVariants must differ: {', '.join(names)}")
    for variant in variants:
        if "ModelName" not in variant:
            raise invalid(
                f"variant {variant['VariantName']} needs a ModelName: inference components do not run here"
            )
        model(service, variant["ModelName"])
        _check_capacity(variant)
    if not any(variant.get("InitialVariantWeight", 1.0) > 0 for variant in variants):
        raise invalid("at least one variant needs an InitialVariantWeight above 0")
    if "ShadowProductionVariants" in request:
        raise invalid("ShadowProductionVariants do not run here; leave them out")


def _check_capacity(variant: dict[str, Any]) -> None:
    name, serverless = variant["VariantName"], variant.get("ServerlessConfig")
    if serverless is None:
        missing = [key for key in ("InitialInstanceCount", "InstanceType") if key not in variant]
        if missing:
            raise invalid(f"variant {name} needs {' and '.join(missing)}, or a ServerlessConfig")
        return
    both = [key for key in ("InitialInstanceCount", "InstanceType") if key in variant]
    if both:
        raise invalid(f"variant {name} has a ServerlessConfig, so it takes no {' and no '.join(both)}")
    if serverless["MemorySizeInMB"] % 1024:
        raise invalid(
            f"variant {name}: MemorySizeInMB {serverless['MemorySizeInMB']} is none of "
            "1024, 2048, 3072, 4096, 5120, 6144"
        )
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise invalid(f"variant {name}: ProvisionedConcurrency exceeds MaxConcurrency")


def _check_kind(request: dict[str, Any]) -> None:
    variants = request["ProductionVariants"]
    serverless = [variant for variant in variants if "ServerlessConfig" in variant]
    if serverless and len(variants) > 1:
        raise invalid("a serverless endpoint has exactly one variant")
    if "AsyncInferenceConfig" in request:
        if serverless:
            raise invalid("an asynchronous endpoint runs on instances: leave ServerlessConfig out")
        if len(variants) > 1:
            raise invalid("an asynchronous endpoint has exactly one variant")
        if "S3OutputPath" not in request["AsyncInferenceConfig"]["OutputConfig"]:
            raise invalid("AsyncInferenceConfig.OutputConfig needs an S3OutputPath")
    if serverless and "DataCaptureConfig" in request:
        raise invalid("data capture is not available for serverless endpoints")


# --- endpoints ----------------------------------------------------------------------------------------------


@operation("CreateEndpoint")
def create_endpoint(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Start to serve a configuration."""
    name = request["EndpointName"]
    own = arn("endpoint", name.lower())
    if service.endpoints.find(name) is not None or service.resources.find(own) is not None:
        raise invalid(f'Cannot create already existing endpoint "{own}".')
    configuration = _snapshot(service, request["EndpointConfigName"])
    _check_deployment(request.get("DeploymentConfig"), configuration)
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
    _check_deployment(deployment, configuration)
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
    found = _config(service, name)
    names = {variant["ModelName"] for variant in found.request["ProductionVariants"]}
    models = {each: json.loads(model(service, each)["request"]) for each in sorted(names)}
    return Configuration(found.name, copy.deepcopy(found.request), models)


def _check_change(old: Configuration, new: Configuration) -> None:
    if old.asynchronous != new.asynchronous:
        raise invalid("an endpoint cannot change between asynchronous and other inference; create another")
    if old.serverless and not new.serverless:
        raise invalid("a serverless endpoint cannot become an instance-based one; create another")


def _check_deployment(deployment: dict[str, Any] | None, configuration: Configuration) -> None:
    variants = configuration.request["ProductionVariants"]
    rolling = "RollingUpdatePolicy" in (deployment or {})
    if rolling and (configuration.serverless or len(variants) > 1):
        raise invalid("a rolling deployment needs one variant on instances; use BlueGreenUpdatePolicy")
    try:
        plan(deployment, min(variant.get("InitialInstanceCount", 1) for variant in variants))
    except ValueError as error:
        raise invalid(str(error)) from None


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
