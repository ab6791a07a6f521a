"""What SageMaker is asked for: valid by its own service model, named by its content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.validate import validate_parameters

from serving.names import EXPIRES
from serving.packages import Package
from serving.requests import Wanted, deployment, expires, wanted
from serving.settings import Endpoint, SettingsError, endpoint

ROLE = "arn:aws:iam::000000000000:role/trainyard-model"


def package(version: int, algorithm: str = "knn") -> Package:
    return Package(
        arn=f"arn:aws:sagemaker:us-east-1:000000000000:model-package/iris/{version}",
        group="iris",
        version=version,
        approval="Approved",
        container={
            "Image": f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{algorithm}:1",
            "ModelDataUrl": f"s3://trainyard-artifacts/iris/abcdefghijk{version}/Train/output/model.tar.gz",
        },
        execution=f"abcdefghijk{version}",
    )


def settings(**table: Any) -> Endpoint:
    return endpoint("iris", {"role_arn": ROLE, **table})


def asked(*versions: int, **table: Any) -> Wanted:
    return wanted([package(version) for version in versions], settings(**table))


KINDS: list[dict[str, Any]] = [
    {},
    {"kind": "serverless", "max_concurrency": 2},
    {"kind": "asynchronous", "success_topic": "arn:aws:sns:us-east-1:000000000000:told"},
    {"shifting": "linear", "previous_weight": 0.2, "capture_percent": 20},
    {"in_vpc": True, "subnets": ["subnet-1"], "security_groups": ["sg-1"], "kms_key_arn": "arn:aws:kms:x"},
    {"instance_count": 1},
]


@pytest.mark.parametrize("table", KINDS)
def test_every_kind_is_asked_for_as_the_service_model_wants_it(table: dict[str, Any]) -> None:
    goal = asked(2, 1, **table)
    model = boto3.client("sagemaker", region_name="us-east-1").meta.service_model
    for name, (request, _) in goal.models.items():
        validate_parameters({"ModelName": name, **request}, model.shape_for("CreateModelInput"))
    config = {"EndpointConfigName": goal.config_name, **goal.config}
    validate_parameters(config, model.shape_for("CreateEndpointConfigInput"))
    guarded = deployment("iris", settings(**table))
    if guarded is not None:
        validate_parameters(guarded, model.shape_for("DeploymentConfig"))


def test_the_same_content_has_the_same_name_and_other_content_another() -> None:
    assert asked(2, 1).config_name == asked(2, 1).config_name
    names = {asked(2, 1).config_name, asked(1).config_name, asked(2, capture_percent=1).config_name}
    assert len(names) == 3
    assert asked(2, bake_seconds=10).config_name == asked(2, bake_seconds=20).config_name


def test_names_fit_where_a_group_has_the_longest_name() -> None:
    long = Package(**{**vars(package(12345)), "group": "g" * 63})
    goal = wanted([long], settings())
    assert len(goal.config_name) <= 63
    assert goal.endpoint == "g" * 63


def test_an_update_is_shifted_watched_and_rolled_back() -> None:
    config = deployment("iris", settings(instance_count=4))
    assert config is not None
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 25}
    alarms = [alarm["AlarmName"] for alarm in config["AutoRollbackConfiguration"]["Alarms"]]
    assert alarms == ["iris-5xx", "iris-latency"]


def test_linear_shifting_has_time_for_all_its_steps() -> None:
    policy = deployment("iris", settings(shifting="linear", step_percent=10, bake_seconds=3600))
    assert policy is not None
    assert policy["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == 28800


def test_the_previous_version_keeps_its_share() -> None:
    newest, previous = asked(2, 1, previous_weight=0.25).config["ProductionVariants"]
    assert (newest["VariantName"], newest["InitialVariantWeight"]) == ("AllTraffic", 0.75)
    assert (previous["VariantName"], previous["InitialVariantWeight"]) == ("Previous", 0.25)
    assert [served.version for _, served in asked(2, 1, previous_weight=0.25).models.values()] == [2, 1]


def test_a_model_is_isolated_where_aws_allows_it() -> None:
    [(real_time, _)] = asked(1).models.values()
    [(serverless, _)] = asked(1, kind="serverless").models.values()
    assert real_time["EnableNetworkIsolation"] is True
    assert "EnableNetworkIsolation" not in serverless


def test_each_algorithm_has_its_role() -> None:
    own = "arn:aws:iam::000000000000:role/knn"
    [(request, _)] = asked(1, roles={"knn": own}).models.values()
    assert request["ExecutionRoleArn"] == own
    with pytest.raises(SettingsError, match="no role for knn"):
        wanted([package(1)], endpoint("iris", {}))


def test_an_endpoint_expires_when_its_time_to_live_is_over() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert expires(settings(), noon) == {EXPIRES: "2026-01-01T20:00:00Z"}
    assert expires(settings(time_to_live_hours="never"), noon) == {EXPIRES: "never"}


def test_everything_is_tagged_with_task_package_and_execution() -> None:
    assert asked(1).tags == {
        "trainyard:task": "iris",
        "trainyard:model-package": package(1).arn,
        "trainyard:execution": "abcdefghijk1",
    }
