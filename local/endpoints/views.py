"""Endpoints in the words of DescribeEndpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.endpoints.record import Configuration
from local.endpoints.serverless import ServerlessVariant

if TYPE_CHECKING:
    from local.endpoints.endpoint import Endpoint
    from local.endpoints.fleet import Fleet
    from local.endpoints.variant import Variant


def describe(endpoint: Endpoint) -> dict[str, Any]:
    """Return what DescribeEndpoint answers."""
    record = endpoint.record
    fleets = endpoint.router.fleets
    shown: dict[str, Any] = {
        "EndpointName": record.name,
        "EndpointArn": record.arn,
        "EndpointConfigName": record.configuration.name,
        "EndpointStatus": record.status,
        "FailureReason": record.failure_reason or None,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        "LastDeploymentConfig": record.deployment,
        "AsyncInferenceConfig": record.configuration.request.get("AsyncInferenceConfig"),
        "DataCaptureConfig": _capture(record.configuration.request.get("DataCaptureConfig")),
    }
    shown["ProductionVariants"] = _variants(fleets[0], record.configuration) if fleets else []
    if record.pending is not None:
        pending = record.pending
        variants = _variants(fleets[-1], pending.configuration) if len(fleets) > 1 else _planned(pending)
        shown["PendingDeploymentSummary"] = {
            "EndpointConfigName": pending.configuration.name,
            "StartTime": pending.started,
            "ProductionVariants": variants,
        }
    return shown


def weights(configuration: Configuration) -> dict[str, dict[str, Any]]:
    """Return what an update may retain, by variant: weight, and instances or serverless settings."""
    kept = ("InitialVariantWeight", "InitialInstanceCount", "ServerlessConfig")
    return {
        variant["VariantName"]: {name: variant[name] for name in kept if name in variant}
        for variant in configuration.request["ProductionVariants"]
    }


def _variants(fleet: Fleet, configuration: Configuration) -> list[dict[str, Any]]:
    given = {each["VariantName"]: each for each in configuration.request["ProductionVariants"]}
    return [_variant(variant, given[name]) for name, variant in fleet.variants.items() if name in given]


def _variant(variant: Variant, given: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "VariantName": variant.name,
        "CurrentWeight": variant.weight,
        "DesiredWeight": float(given.get("InitialVariantWeight", 1.0)),
        "DeployedImages": [
            {"SpecifiedImage": variant.specification.image, "ResolvedImage": variant.specification.image}
        ],
    }
    if isinstance(variant, ServerlessVariant):
        return {
            **shown,
            "CurrentServerlessConfig": {
                **given["ServerlessConfig"],
                "MaxConcurrency": variant.concurrency,
            },
            "DesiredServerlessConfig": given["ServerlessConfig"],
        }
    return {
        **shown,
        "CurrentInstanceCount": variant.ready_count,
        "DesiredInstanceCount": len(variant.instances),
        "RoutingConfig": given.get("RoutingConfig"),
    }


def _planned(pending: Any) -> list[dict[str, Any]]:
    return [
        {
            "VariantName": given["VariantName"],
            "DesiredWeight": float(given.get("InitialVariantWeight", 1.0)),
            "DesiredInstanceCount": given.get("InitialInstanceCount"),
        }
        for given in pending.configuration.request["ProductionVariants"]
    ]


def _capture(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId"),
    }
