"""Endpoint configurations: kept as given, listed in pages, refused where AWS refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Variant = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(yard: Any) -> str:
    return str(yard.model("m"))


def test_a_configuration_is_described_as_it_was_given_and_deleted(
    yard: Any, model: str, variant: Variant
) -> None:
    given = variant(model, InitialVariantWeight=2.0)
    made = yard.sagemaker.create_endpoint_config(
        EndpointConfigName="Given", ProductionVariants=[given], Tags=[{"Key": "a", "Value": "b"}]
    )
    assert made["EndpointConfigArn"].endswith(":endpoint-config/given")
    told = yard.sagemaker.describe_endpoint_config(EndpointConfigName="Given")
    assert told["ProductionVariants"] == [given]
    assert yard.sagemaker.list_tags(ResourceArn=made["EndpointConfigArn"])["Tags"] == [
        {"Key": "a", "Value": "b"}
    ]
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration"):
        yard.config("given", given)
    yard.sagemaker.delete_endpoint_config(EndpointConfigName="Given")
    for call in (yard.sagemaker.describe_endpoint_config, yard.sagemaker.delete_endpoint_config):
        with pytest.raises(ClientError, match="Could not find endpoint configuration"):
            call(EndpointConfigName="Given")


def test_configurations_are_listed_in_pages(yard: Any, model: str, variant: Variant) -> None:
    for number in range(5):
        yard.config(f"page-{number}", variant(model))
    pages = yard.sagemaker.get_paginator("list_endpoint_configs").paginate(
        NameContains="page", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    listed = [[each["EndpointConfigName"] for each in page["EndpointConfigs"]] for page in pages]
    assert listed == [["page-0", "page-1"], ["page-2", "page-3"], ["page-4"]]


ASYNC = {"OutputConfig": {"S3OutputPath": "s3://bucket/out"}}
TOPICS = {"IncludeInferenceResponseIn": ["ERROR_NOTIFICATION_TOPIC"]}
INCLUDING = {"OutputConfig": {"S3OutputPath": "s3://bucket/out", "NotificationConfig": TOPICS}}
CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
SHADOW = {
    "VariantName": "Shadow",
    "ModelName": "m",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
    "InitialVariantWeight": 1.0,
}


@pytest.mark.parametrize(
    ("variants", "more", "reason"),
    [
        ([{"ModelName": "none"}], {}, "Could not find model"),
        ([{}, {}], {}, "the names of the ProductionVariants must differ: AllTraffic, AllTraffic"),
        ([{"InitialInstanceCount": None}], {}, "needs InitialInstanceCount, or a ServerlessConfig"),
        ([{"InstanceType": "ml.x9.large"}], {}, "enum"),
        ([{"InitialVariantWeight": 0.0}], {}, "at least one variant needs an InitialVariantWeight above 0"),
        ([{}, {"VariantName": "B"}], {"AsyncInferenceConfig": ASYNC}, "has exactly one variant"),
        ([{}], {"AsyncInferenceConfig": {"OutputConfig": {}}}, "needs an S3OutputPath"),
        ([{}], {"AsyncInferenceConfig": INCLUDING}, "IncludeInferenceResponseIn does not work here"),
        (
            [{}],
            {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "https://bucket/x"}}},
            "S3OutputPath: 'https://bucket/x' is no S3 location",
        ),
        ([{}], {"DataCaptureConfig": CAPTURE}, "DestinationS3Uri: 's3://b' is no S3 location"),
        ([{}], {"ShadowProductionVariants": [SHADOW]}, "ShadowProductionVariants does not run here"),
    ],
)
def test_what_cannot_be_served_is_refused(
    yard: Any, model: str, variant: Variant, variants: list[dict[str, Any]], more: Any, reason: str
) -> None:
    given = [
        {name: value for name, value in {**variant(model), **change}.items() if value is not None}
        for change in variants
    ]
    with pytest.raises(ClientError, match=reason):
        yard.config("refused", *given, **more)


def test_endpoints_are_listed_by_status_and_name(yard: Any, model: str, variant: Variant) -> None:
    yard.serve("listed", variant(model))
    found = yard.sagemaker.list_endpoints(StatusEquals="InService", NameContains="LIST")["Endpoints"]
    assert [each["EndpointName"] for each in found] == ["listed"]
    assert not yard.sagemaker.list_endpoints(StatusEquals="Failed", NameContains="listed")["Endpoints"]
    with pytest.raises(ClientError, match='Cannot create already existing endpoint "arn:aws:sagemaker'):
        yard.sagemaker.create_endpoint(EndpointName="LISTED", EndpointConfigName="listed-1")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        yard.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName="none")


@pytest.mark.slow
def test_a_waiter_of_the_sdk_sees_the_endpoint_come_and_go(yard: Any, model: str, variant: Variant) -> None:
    config = yard.config("waited-1", variant(model))
    yard.sagemaker.create_endpoint(EndpointName="waited", EndpointConfigName=config)
    quick = {"Delay": 1, "MaxAttempts": 20}
    yard.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="waited", WaiterConfig=quick)
    yard.sagemaker.delete_endpoint(EndpointName="waited")
    yard.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="waited", WaiterConfig=quick)
