"""Updates under load: no request fails, whether the new fleet is good, bad or dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow

Variant = Callable[..., dict[str, Any]]


def blue_green(kind: str, wait: int = 1, size: int = 0, **policy: Any) -> dict[str, Any]:
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wait}
    if member:
        routing[member] = {"Type": "CAPACITY_PERCENT", "Value": size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **policy}}


@pytest.fixture(scope="module")
def models(yard: Any) -> dict[str, str]:
    """Model names by what is the matter with them."""
    modes = {"old": "", "new": "", "exit": "exit", "never": "never", "fail": "fail"}
    return {name: yard.model(name, MODE=mode) for name, mode in modes.items()}


def update(yard: Any, endpoint: str, variant: dict[str, Any], deployment: Any = None, **more: Any) -> Any:
    config = yard.config(f"{endpoint}-2", variant)
    if deployment:
        more["DeploymentConfig"] = deployment
    yard.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, **more)
    return yard.wait(endpoint)


def test_all_at_once_without_a_failed_request(
    yard: Any, variant: Variant, models: Any, load: Any, wait_until: Any, is_alive: Any
) -> None:
    yard.serve("at-once", variant("old"))
    before = yard.pids("at-once")
    with load(yard.port, "at-once") as sent:
        told = update(yard, "at-once", variant("new"))
        assert told["EndpointStatus"] == "InService"
        assert "FailureReason" not in told
        assert told["EndpointConfigName"] == "at-once-2"
        served = sent.answers.get("new:1", 0)
        wait_until(lambda: sent.answers.get("new:1", 0) > served + 50)
    assert not sent.failures
    assert set(sent.answers) == {"old:1", "new:1"}
    assert not any(is_alive(pid) for pid in before)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size"), [("CANARY", 10), ("LINEAR", 50)])
def test_traffic_shifts_in_steps_without_a_failed_request(
    yard: Any, variant: Variant, models: Any, load: Any, wait_until: Any, kind: str, size: int
) -> None:
    name = kind.lower()
    yard.serve(name, variant("old"))
    config = yard.config(f"{name}-2", variant("new"))
    with load(yard.port, name) as sent:
        yard.sagemaker.update_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            DeploymentConfig=blue_green(kind, 2, size, TerminationWaitInSeconds=1),
        )
        wait_until(lambda: "new:1" in sent.answers)
        told = yard.describe(name)
        assert told["EndpointStatus"] == "Updating"
        assert told["EndpointConfigName"] == f"{name}-1"
        assert told["PendingDeploymentSummary"]["EndpointConfigName"] == f"{name}-2"
        told = yard.wait(name)
    assert not sent.failures
    start = sent.order.index("new:1")
    shifted = sent.order[start : start + 60]  # within the first step, whose traffic bakes for two seconds
    assert shifted.count("new:1") / 60 == pytest.approx(size / 100, abs=0.1)
    assert told["EndpointStatus"] == "InService"
    assert told["EndpointConfigName"] == f"{name}-2"
    assert told["LastDeploymentConfig"] == blue_green(kind, 2, size, TerminationWaitInSeconds=1)


def test_a_fleet_that_cannot_start_is_rolled_back_without_a_failed_request(
    yard: Any, variant: Variant, models: Any, load: Any
) -> None:
    yard.serve("dead", variant("old"))
    before = yard.pids("dead")
    with load(yard.port, "dead") as sent:
        told = update(yard, "dead", variant("exit"), blue_green("CANARY", 1, 10))
    assert not sent.failures
    assert set(sent.answers) == {"old:1"}
    assert told["EndpointStatus"] == "InService"
    assert told["EndpointConfigName"] == "dead-1"
    assert "cannot load the model" in told["FailureReason"]
    assert yard.pids("dead") == before
    states = [detail["EndpointStatus"] for _, detail in yard.events if detail["EndpointName"] == "dead"]
    assert states == ["CREATING", "IN_SERVICE", "UPDATING", "ROLLING_BACK", "IN_SERVICE"]


def put_alarm(yard: Any, name: str, endpoint: str, **more: Any) -> None:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": "AllTraffic"}]
    request: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "Dimensions": dimensions,
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        **more,
    }
    yard.cloudwatch.put_metric_alarm(**request)


def rollback_by(*names: str) -> dict[str, Any]:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in names]}}


@pytest.mark.slow
def test_a_fleet_that_trips_an_alarm_is_rolled_back_without_a_failed_request(
    yard: Any, variant: Variant, models: Any, load: Any
) -> None:
    yard.serve("alarmed", variant("old"))
    put_alarm(
        yard, "errors", "alarmed", MetricName="Invocation5XXErrors", Statistic="Average", Threshold=0.05
    )
    put_alarm(yard, "others", "another", MetricName="Invocations", Statistic="Sum", Threshold=0)
    with load(yard.port, "alarmed") as sent:
        guarded = {**blue_green("CANARY", 30, 10), **rollback_by("others", "errors")}
        told = update(yard, "alarmed", variant("fail"), guarded)
    assert not sent.failures
    assert set(sent.answers) == {"old:1"}
    assert told["EndpointStatus"] == "InService"
    assert told["EndpointConfigName"] == "alarmed-1"
    reason = told["FailureReason"]
    assert "alarms went off during the deployment: errors: Average of Invocation5XXErrors is 1" in reason


@pytest.mark.slow
def test_an_alarm_over_latency_rolls_a_slow_fleet_back_and_lets_a_quick_one_pass(
    yard: Any, variant: Variant, models: Any, load: Any
) -> None:
    yard.serve("slow", variant("old"))
    latency = {"MetricName": "ModelLatency", "ExtendedStatistic": "p50"}
    put_alarm(yard, "slow-p50", "slow", **latency, Threshold=60e6)
    guarded = {**blue_green("ALL_AT_ONCE", 1), **rollback_by("slow-p50")}
    with load(yard.port, "slow"):
        assert update(yard, "slow", variant("new"), guarded)["EndpointConfigName"] == "slow-2"
        put_alarm(yard, "slow-p50", "slow", **latency, Threshold=1)
        config = yard.config("slow-3", variant("old"))
        yard.sagemaker.update_endpoint(
            EndpointName="slow", EndpointConfigName=config, DeploymentConfig=guarded
        )
        told = yard.wait("slow")
    assert told["EndpointConfigName"] == "slow-2"
    assert "p50 of ModelLatency is" in told["FailureReason"]


def test_alarms_that_do_not_exist_are_refused_and_those_of_the_stacks_are_there(
    yard: Any, variant: Variant, models: Any
) -> None:
    yard.serve("guarded", variant("old"))
    yard.config("guarded-2", variant("new"))
    asked = {"EndpointName": "guarded", "EndpointConfigName": "guarded-2"}
    with pytest.raises(ClientError, match=r"ValidationException.* do not exist: none-such"):
        yard.sagemaker.update_endpoint(**asked, DeploymentConfig=rollback_by("guarded-5xx", "none-such"))
    yard.sagemaker.update_endpoint(**asked, DeploymentConfig=rollback_by("guarded-5xx", "guarded-latency"))
    assert yard.wait("guarded")["EndpointConfigName"] == "guarded-2"


@pytest.mark.slow
def test_a_rolling_update_replaces_instances_batch_by_batch(
    yard: Any, variant: Variant, models: Any, load: Any, is_alive: Any
) -> None:
    yard.serve("rolling", variant("old", count=2))
    before = yard.pids("rolling")
    policy = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 1}
    with load(yard.port, "rolling") as sent:
        told = update(yard, "rolling", variant("new", count=2), {"RollingUpdatePolicy": policy})
    assert not sent.failures
    assert told["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert not any(is_alive(pid) for pid in before)
    assert yard.invoke("rolling") == "new:1"


@pytest.mark.slow
def test_a_fleet_that_never_answers_ping_is_rolled_back_in_time(
    open_yard: Any, variant: Variant, load: Any
) -> None:
    from local.endpoints.timing import Timing

    yard = open_yard(Timing(startup=2.0, drain=2, grace=1))
    yard.model("old")
    yard.model("never", MODE="never")
    yard.serve("silent", variant("old"))
    with load(yard.port, "silent") as sent:
        told = update(yard, "silent", variant("never"))
    assert not sent.failures
    assert told["EndpointStatus"] == "InService"
    assert "no answer to /ping within 2 seconds" in told["FailureReason"]


def test_what_the_live_variants_came_to_can_be_retained(yard: Any, variant: Variant, models: Any) -> None:
    yard.serve("retained", variant("old"))
    yard.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="retained",
        DesiredWeightsAndCapacities=[
            {"VariantName": "AllTraffic", "DesiredInstanceCount": 2, "DesiredWeight": 7.0}
        ],
    )
    yard.wait("retained")
    told = update(
        yard,
        "retained",
        variant("new"),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    (shown,) = told["ProductionVariants"]
    assert (shown["CurrentInstanceCount"], shown["CurrentWeight"]) == (2, 1.0)
    assert yard.invoke("retained") == "new:1"


@pytest.mark.slow
def test_an_update_under_way_refuses_another_and_a_deletion(yard: Any, variant: Variant, models: Any) -> None:
    yard.serve("busy", variant("old"))
    config = yard.config("busy-2", variant("new"))
    yard.sagemaker.update_endpoint(
        EndpointName="busy", EndpointConfigName=config, DeploymentConfig=blue_green("ALL_AT_ONCE", 1)
    )
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        yard.sagemaker.update_endpoint(EndpointName="busy", EndpointConfigName=config)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        yard.sagemaker.delete_endpoint(EndpointName="busy")
    yard.wait("busy")


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        (blue_green("CANARY", 1, 60), "CanarySize of 60 CAPACITY_PERCENT is 60%"),
        (blue_green("LINEAR", 1, 5), "LinearStepSize of 5 CAPACITY_PERCENT is 5%"),
        (
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 1}
                }
            },
            "of type CANARY needs CanarySize",
        ),
    ],
)
def test_a_deployment_that_contradicts_itself_is_refused(
    yard: Any, variant: Variant, models: Any, deployment: Any, reason: str
) -> None:
    if yard.service.endpoints.find("refused") is None:
        yard.serve("refused", variant("old"))
        yard.config("refused-2", variant("new"))
    with pytest.raises(ClientError, match=reason):
        yard.sagemaker.update_endpoint(
            EndpointName="refused", EndpointConfigName="refused-2", DeploymentConfig=deployment
        )
    assert yard.describe("refused")["EndpointStatus"] == "InService"
