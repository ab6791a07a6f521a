"""Alarms over a fleet's requests, by the rules of CloudWatch: periods, statistics, missing data."""

from __future__ import annotations

from typing import Any

import pytest

from local.endpoints.alarms import Watch, alarm


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def request(**more: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": "EndpointName", "Value": "iris"}],
        "Statistic": "Sum",
        "Period": 10,
        "EvaluationPeriods": 1,
        "Threshold": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **more,
    }


def watch(clock: Clock, **more: Any) -> Watch:
    read = alarm(request(**more), "iris")
    assert read is not None
    return Watch([read], clock)


def test_requests_are_counted_within_a_period() -> None:
    clock = Clock()
    watched = watch(clock)
    watched.note("one", 500, 0.1)
    assert watched.went_off() is None
    clock.now += 20  # the first is of another period
    watched.note("one", 503, 0.1)
    assert watched.went_off() is None
    clock.now += 2
    watched.note("two", 500, 0.1)
    assert watched.went_off() == "a: Sum of Invocation5XXErrors is 2, which is ≥ 2 in 1 of 1 periods"


def test_as_many_periods_breach_as_the_alarm_says() -> None:
    clock = Clock()
    watched = watch(clock, EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=1)
    watched.note("one", 500, 0.1)
    clock.now += 5
    assert watched.went_off() is None
    clock.now += 20  # nothing in the period between
    watched.note("one", 500, 0.1)
    assert "1, no data, 1" in str(watched.went_off())


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ({"Statistic": "Average"}, 50_500),
        ({"Statistic": "Minimum"}, 1_000),
        ({"Statistic": "Maximum"}, 100_000),
        ({"Statistic": "SampleCount"}, 100),
        ({"Statistic": None, "ExtendedStatistic": "p90"}, 90_000),
        ({"Statistic": None, "ExtendedStatistic": "p100"}, 100_000),
    ],
)
def test_a_latency_is_summed_up_as_the_statistic_says(statistic: dict[str, Any], value: float) -> None:
    for threshold, on in ((value, True), (value * 1.01, False)):
        watched = watch(Clock(), MetricName="ModelLatency", Threshold=threshold, **statistic)
        for milliseconds in range(1, 101):
            watched.note("one", 200, milliseconds / 1000)
        assert bool(watched.went_off()) is on, threshold


def test_a_variant_of_its_own_is_watched_alone() -> None:
    dimensions = [*request()["Dimensions"], {"Name": "VariantName", "Value": "one"}]
    watched = watch(Clock(), Threshold=1, Dimensions=dimensions)
    watched.note("two", 500, 0.1)
    assert watched.went_off() is None
    watched.note("one", 500, 0.1)
    assert watched.went_off()


@pytest.mark.parametrize(
    ("treated", "on"), [("breaching", True), ("notBreaching", False), ("missing", False)]
)
def test_no_requests_are_treated_as_the_alarm_says(treated: str, on: bool) -> None:
    assert bool(watch(Clock(), TreatMissingData=treated).went_off()) is on


@pytest.mark.parametrize(
    "more",
    [
        {"Namespace": "Custom"},
        {"MetricName": "CPUUtilization"},
        {"Dimensions": [{"Name": "EndpointName", "Value": "other"}]},
        {"Dimensions": [*request()["Dimensions"], {"Name": "Color", "Value": "red"}]},
        {"ComparisonOperator": "LessThanLowerThreshold"},
        {"Statistic": None, "ExtendedStatistic": "tm90"},
    ],
)
def test_what_is_not_measured_here_is_not_watched(more: dict[str, Any]) -> None:
    assert alarm(request(**more), "iris") is None
