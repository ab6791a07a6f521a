"""A DeploymentConfig as steps."""

from __future__ import annotations

from typing import Any

import pytest

from local.endpoints.shifting import plan


def blue_green(kind: str, wait: int = 60, **size: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    return {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 120}
    }


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


def shares(config: dict[str, Any] | None, count: int = 10) -> list[float]:
    return [round(step.share, 6) for step in plan(config, count).steps]


def test_without_a_configuration_all_traffic_moves_at_once() -> None:
    whole = plan(None, 3)
    assert [(step.share, step.bake) for step in whole.steps] == [(1.0, 0)]
    assert (whole.termination_wait, whole.alarms) == (0, ())


def test_a_canary_bakes_before_and_after_the_rest() -> None:
    whole = plan(blue_green("CANARY", 60, CanarySize=percent(10)), 10)
    assert [(step.share, step.bake) for step in whole.steps] == [(0.1, 60), (1.0, 60)]
    assert whole.termination_wait == 120


def test_linear_steps_add_up_to_everything() -> None:
    assert shares(blue_green("LINEAR", LinearStepSize=percent(30))) == [0.3, 0.6, 0.9, 1.0]
    assert shares(blue_green("LINEAR", LinearStepSize=percent(10))) == [n / 10 for n in range(1, 11)]
    assert shares(blue_green("LINEAR", LinearStepSize=instances(2)), 4) == [0.5, 1.0]


def test_a_rolling_update_takes_as_many_old_instances_as_it_adds_new_ones() -> None:
    config = {"RollingUpdatePolicy": {"MaximumBatchSize": instances(2), "WaitIntervalInSeconds": 5}}
    steps = plan(config, 4).steps
    assert [(step.share, step.new_instances, step.old_instances) for step in steps] == [
        (0.5, 0.5, 0.5),
        (1.0, 1.0, 0.0),
    ]


def test_alarms_are_those_of_the_rollback_configuration() -> None:
    config = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}}
    assert plan(config, 1).alarms == ("a", "b")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (blue_green("CANARY"), "type CANARY needs CanarySize"),
        (blue_green("LINEAR"), "type LINEAR needs LinearStepSize"),
        (blue_green("ALL_AT_ONCE", CanarySize=percent(10)), "type ALL_AT_ONCE takes no CanarySize"),
        (blue_green("CANARY", CanarySize=percent(51)), "must be from 0% to 50%"),
        (blue_green("LINEAR", LinearStepSize=percent(9)), "must be from 10% to 50%"),
        (blue_green("LINEAR", LinearStepSize=instances(3)), "3 INSTANCE_COUNT is 75% of the variant's 4"),
        (
            {**blue_green("ALL_AT_ONCE"), "RollingUpdatePolicy": {"MaximumBatchSize": instances(1)}},
            "both BlueGreenUpdatePolicy and RollingUpdatePolicy",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        plan(config, 4)
