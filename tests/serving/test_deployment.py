"""What an approval, a rejection, and their repetitions lead to, against the service itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.bus import client_environment
from serving.deployment import DeploymentError
from serving.handler import EventError

pytestmark = pytest.mark.slow

GROUP = "iris"
Registry = Any  # tests/serving/conftest.py


def test_an_approval_puts_the_package_in_service(registry: Registry) -> None:
    arn = registry.register()
    outcome = registry.handle(registry.event(arn))
    assert outcome["action"] == "created"
    assert outcome["verified"] is True
    assert registry.ask() == "1"
    assert registry.live()["EndpointConfigName"] == outcome["endpoint_config"]


def test_everything_that_is_made_says_whose_it_is(registry: Registry) -> None:
    arn = registry.deploy()
    config = registry.sagemaker.describe_endpoint_config(
        EndpointConfigName=registry.live()["EndpointConfigName"]
    )
    model = registry.sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    for made in (registry.live()["EndpointArn"], config["EndpointConfigArn"], model["ModelArn"]):
        tags = registry.tags(made)
        assert tags["trainyard:task"] == GROUP
        assert tags["trainyard:model-package"] == arn
        assert tags["trainyard:execution"] == "execution001"
    assert "trainyard:expires" in registry.tags(registry.live()["EndpointArn"])
    assert model["PrimaryContainer"]["ModelPackageName"] == arn


def test_an_event_that_comes_twice_deploys_once(registry: Registry) -> None:
    event = registry.event(registry.register())
    registry.handle(event)
    before, names = registry.live(), registry.names()
    outcome = registry.handle(event)
    assert outcome["action"] == "unchanged"
    assert outcome["verified"] is True
    assert registry.live()["LastModifiedTime"] == before["LastModifiedTime"]
    assert registry.names() == names


def test_events_out_of_order_leave_the_newest_version(registry: Registry) -> None:
    first, second = registry.register(), registry.register()
    earlier, later = registry.event(first), registry.event(second)
    registry.handle(later)
    assert registry.handle(earlier)["action"] == "unchanged"
    assert registry.ask() == "2"


@pytest.mark.slow
def test_an_older_version_that_is_approved_later_does_not_replace_a_newer_one(registry: Registry) -> None:
    old = registry.register(status="PendingManualApproval")
    registry.deploy()
    assert registry.handle(registry.decide(old, "Approved"))["action"] == "unchanged"
    assert registry.ask() == "2"


def test_two_approvals_at_once_delivered_twice_leave_one_endpoint_with_the_newest(registry: Registry) -> None:
    events = [registry.event(registry.register()) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(registry.handle, [*events, *events]))
    assert registry.ask() == "2"
    assert [outcome["verified"] for outcome in outcomes] == [True] * 4
    assert [outcome["action"] for outcome in outcomes].count("created") == 1
    names = registry.names()
    assert names["endpoints"] == [GROUP]
    assert len(names["configs"]) == len(names["models"]) == 1


@pytest.mark.slow
def test_approvals_while_an_update_is_under_way_end_with_the_newest(registry: Registry) -> None:
    registry.deploy()
    registry.settings = {**registry.settings, "bake_seconds": 1}
    events = []
    with ThreadPoolExecutor(3) as pool:
        waiting = []
        for _ in range(3):
            events.append(registry.event(registry.register()))
            waiting.append(pool.submit(registry.handle, events[-1]))
        outcomes = [each.result() for each in waiting]
    assert registry.ask() == "4"
    assert registry.live()["EndpointStatus"] == "InService"
    assert outcomes[-1]["verified"] is True


@pytest.mark.slow
@pytest.mark.parametrize("shifting", ["canary", "linear"])
def test_an_update_shifts_the_traffic_as_its_settings_say(registry: Registry, shifting: str) -> None:
    registry.settings = {**registry.settings, "instance_count": 2, "shifting": shifting}
    registry.deploy()
    registry.deploy()
    assert registry.ask() == "2"
    routing = registry.live()["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == shifting.upper()


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_new_model_that_does_not_start_is_rolled_back_and_said_so(registry: Registry) -> None:
    first = registry.deploy()
    second = registry.register(mode="exit")
    with pytest.raises(DeploymentError) as caught:
        registry.handle(registry.event(second))
    said = str(caught.value)
    assert all(part in said for part in (second, "rolled back", "cannot load the model")), said
    assert registry.ask() == "1"
    assert registry.tags(registry.live()["EndpointArn"])["trainyard:model-package"] == first


@pytest.mark.slow
def test_a_failed_deployment_is_reported_again_but_not_repeated(registry: Registry) -> None:
    registry.deploy()
    event = registry.event(registry.register(mode="exit"))
    with pytest.raises(DeploymentError):
        registry.handle(event)
    before = registry.live()["LastModifiedTime"]
    for repeated in (event, registry.ended()):
        with pytest.raises(DeploymentError, match="rolled back"):
            registry.handle(repeated)
    assert registry.live()["LastModifiedTime"] == before


@pytest.mark.slow
def test_a_new_model_that_starts_and_then_fails_its_requests_is_rolled_back(registry: Registry) -> None:
    registry.settings = {**registry.settings, "instance_count": 2, "bake_seconds": 5}
    registry.deploy()
    bad = registry.register(mode="fail")
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            with suppress(ClientError):
                registry.ask()

    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(ask)
        try:
            with pytest.raises(DeploymentError, match="rolled back"):
                registry.handle(registry.event(bad))
        finally:
            over.set()
        asking.result()
    assert {registry.ask() for _ in range(20)} == {"1"}


@pytest.mark.slow
def test_rejecting_the_failed_version_settles_it(registry: Registry) -> None:
    registry.deploy()
    bad = registry.register(mode="exit")
    with pytest.raises(DeploymentError):
        registry.handle(registry.event(bad))
    outcome = registry.handle(registry.decide(bad, "Rejected"))
    assert outcome["action"] == "unchanged"
    assert outcome["verified"] is True


@pytest.mark.slow
def test_a_first_model_that_does_not_start_is_said_so_and_the_next_one_gets_the_endpoint(
    registry: Registry,
) -> None:
    bad = registry.register(mode="exit")
    with pytest.raises(DeploymentError, match="Failed"):
        registry.handle(registry.event(bad))
    registry.deploy()
    assert registry.ask() == "2"


@pytest.mark.slow
def test_an_endpoint_that_somebody_changed_by_hand_is_said_so(registry: Registry) -> None:
    registry.deploy()
    config = registry.sagemaker.describe_endpoint_config(
        EndpointConfigName=registry.live()["EndpointConfigName"]
    )
    registry.sagemaker.create_endpoint_config(
        EndpointConfigName="by-hand", ProductionVariants=config["ProductionVariants"]
    )
    registry.sagemaker.update_endpoint(EndpointName=GROUP, EndpointConfigName="by-hand")
    registry.local.service.settle(20)
    with pytest.raises(DeploymentError, match="with configuration by-hand, not with iris-v1-"):
        registry.handle(registry.ended())


# --- rejections ---------------------------------------------------------------------------------------------


def test_rejecting_the_live_version_goes_back_to_the_one_before(registry: Registry) -> None:
    first = registry.deploy()
    second = registry.deploy()
    event = registry.decide(second, "Rejected")
    assert registry.handle(event)["action"] == "updated"
    assert registry.ask() == "1"
    assert registry.tags(registry.live()["EndpointArn"])["trainyard:model-package"] == first
    assert registry.handle(event)["action"] == "unchanged"


@pytest.mark.slow
def test_rejecting_the_last_approved_version_ends_the_service(registry: Registry) -> None:
    arn = registry.deploy()
    outcome = registry.handle(registry.decide(arn, "Rejected"))
    assert outcome["action"] == "removed"
    assert registry.names() == {"endpoints": [], "configs": [], "models": []}


def test_a_rejection_creates_no_endpoint(registry: Registry) -> None:
    registry.register()
    other = registry.register(status="PendingManualApproval")
    assert registry.handle(registry.decide(other, "Rejected"))["action"] == "none"
    assert registry.names()["endpoints"] == []


def test_a_pending_package_changes_nothing(registry: Registry) -> None:
    arn = registry.register(status="PendingManualApproval")
    assert registry.handle(registry.event(arn, "PendingManualApproval"))["action"] == "none"
    assert registry.names()["endpoints"] == []


# --- kinds --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_serverless_endpoint_answers_and_is_updated(registry: Registry) -> None:
    registry.settings = {
        "role_arn": registry.settings["role_arn"],
        "kind": "serverless",
        "memory_mb": 1024,
        "max_concurrency": 2,
    }
    registry.deploy()
    variant = registry.live()["ProductionVariants"][0]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    registry.deploy()
    assert registry.ask() == "2"


@pytest.mark.slow
def test_an_asynchronous_endpoint_writes_beside_the_model(registry: Registry) -> None:
    registry.settings = {**registry.settings, "kind": "asynchronous"}
    registry.deploy()
    place = registry.live()["AsyncInferenceConfig"]["OutputConfig"]
    assert place["S3OutputPath"] == f"s3://artifacts/endpoints/{GROUP}/answers"


@pytest.mark.slow
def test_the_version_before_keeps_its_share(registry: Registry) -> None:
    registry.settings = {**registry.settings, "previous_weight": 0.5}
    registry.deploy()
    registry.deploy()
    weights = {
        entry["VariantName"]: entry["CurrentWeight"] for entry in registry.live()["ProductionVariants"]
    }
    assert weights == {"AllTraffic": 0.5, "Previous": 0.5}
    assert {registry.ask() for _ in range(40)} == {"1", "2"}


@pytest.mark.slow
def test_requests_are_captured_where_the_settings_ask_for_it(registry: Registry) -> None:
    registry.settings = {**registry.settings, "capture_percent": 100}
    registry.deploy()
    captured = registry.live()["DataCaptureConfig"]
    assert captured["EnableCapture"] is True
    assert captured["DestinationS3Uri"] == f"s3://artifacts/endpoints/{GROUP}/captured"


# --- what is no event of ours -------------------------------------------------------------------------------


def test_other_events_are_refused_with_what_is_expected(registry: Registry) -> None:
    with pytest.raises(EventError, match="'EC2 Instance State-change'; expected 'SageMaker Model Package"):
        registry.handle({"detail-type": "EC2 Instance State-change"})


def test_lambda_gets_the_package_alone(repository: Path) -> None:
    """No module of it imports anything but itself, boto3 with botocore, and the standard library."""
    import ast

    allowed = {*sys.stdlib_module_names, "boto3", "botocore", "serving"}
    for path in (repository / "serving").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] in allowed, path


def test_an_update_that_is_refused_leaves_the_endpoint_described_as_it_is(registry: Registry) -> None:
    first = registry.deploy()
    before = registry.tags(registry.live()["EndpointArn"])
    second = registry.register()
    registry.settings = {**registry.settings, "kind": "asynchronous", "time_to_live_hours": "never"}
    with pytest.raises(ClientError, match="cannot change between asynchronous and other"):
        registry.handle(registry.event(second))
    after = registry.tags(registry.live()["EndpointArn"])
    assert before["trainyard:model-package"] == first
    assert {**after, "trainyard:attempt": ""} == {**before, "trainyard:attempt": ""}
    assert registry.ask() == "1"


# --- processes ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_handlers_in_processes_of_their_own_agree(registry: Registry, tmp_path: Path) -> None:
    """Two approvals, each delivered twice, all at once, as Lambda would run them."""
    events = [registry.event(registry.register()) for _ in range(2)]
    (tmp_path / "endpoints.json").write_text(json.dumps({"*": registry.settings}))
    variables = {
        **os.environ,
        **client_environment(registry.local.url),
        "TRAINYARD_ENDPOINTS": str(tmp_path / "endpoints.json"),
        "TRAINYARD_WAIT_SECONDS": "30",
    }
    handlers = [
        subprocess.Popen(
            [sys.executable, "-m", "local.function", "serving.handler.handle"],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        told = list(
            pool.map(
                lambda pair: pair[0].communicate(json.dumps(pair[1]))[0],
                zip(handlers, [*events, *events], strict=True),
            )
        )
    outcomes = [json.loads(answer) for answer in told]
    assert [outcome["verified"] for outcome in outcomes] == [True] * 4
    assert [outcome["action"] for outcome in outcomes].count("created") == 1
    assert registry.ask() == "2"
    assert len(registry.names()["configs"]) == 1
