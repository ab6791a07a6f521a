"""Endpoint configurations."""

from __future__ import annotations

from typing import Any

from local.api.errors import invalid
from local.api.operations.models import model
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn
from local.errors import LocalError
from local.objects import split_uri
from local.resources import Resource

_CONFIG = "endpoint-config"


@operation("CreateEndpointConfig")
def create_endpointconfig(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Record which models serve, on what, and how much of the traffic each gets."""
    name = request["EndpointConfigName"]
    own = arn(_CONFIG, name.lower())
    if config_or_none(service, name) is not None:
        raise invalid(f'Cannot create already existing endpoint configuration "{own}".')
    _check_variants(service, request)
    _check_kind(request)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    service.resources.add(_CONFIG, name, own, kept)
    service.tags.add(own, request.get("Tags", []))
    return {"EndpointConfigArn": own}


@operation("DescribeEndpointConfig")
def describe_endpointconfig(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration."""
    found = config(service, request["EndpointConfigName"])
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
def delete_endpointconfig(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a configuration; an endpoint that was made from it serves on."""
    found = config(service, request["EndpointConfigName"])
    service.resources.delete(_CONFIG, found.name)
    return {}


def config_or_none(service: Service, name: str) -> Resource | None:
    """Return a configuration, or None where there is none."""
    return service.resources.find(arn(_CONFIG, name.lower()))


def config(service: Service, name: str) -> Resource:
    """Return a configuration.

    Raises:
        ServiceError: ValidationException, as on AWS, where there is none.

    """
    found = config_or_none(service, name)
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
    for member in ("ShadowProductionVariants", "ExplainerConfig"):
        if member in request:
            raise invalid(f"{member} does not run here; leave it out")


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
        output = request["AsyncInferenceConfig"]["OutputConfig"]
        if "S3OutputPath" not in output:
            raise invalid("AsyncInferenceConfig.OutputConfig needs an S3OutputPath")
        if output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn"):
            raise invalid("IncludeInferenceResponseIn does not work here: read the answer at its location")
        for member in ("S3OutputPath", "S3FailurePath"):
            _check_location(f"AsyncInferenceConfig.OutputConfig.{member}", output.get(member))
    if "DataCaptureConfig" in request:
        if serverless:
            raise invalid("data capture is not available for serverless endpoints")
        _check_location(
            "DataCaptureConfig.DestinationS3Uri", request["DataCaptureConfig"]["DestinationS3Uri"]
        )


def _check_location(member: str, uri: str | None) -> None:
    try:
        if uri is not None:
            split_uri(uri)
    except LocalError as error:
        raise invalid(f"{member}: {error}") from None
