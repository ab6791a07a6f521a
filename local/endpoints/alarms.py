"""CloudWatch alarms over what a new fleet does while it is deployed.

The metrics are those of `AWS/SageMaker` that come of requests: Invocations, Invocation4XXErrors,
Invocation5XXErrors, InvocationModelErrors and ModelLatency (microseconds). Only the new fleet's requests
count: a deployment that cures a failing fleet must not be rolled back for the old one's faults.
"""

from __future__ import annotations

import math
import operator
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "AWS/SageMaker"
_MICROSECONDS = 1e6
_DIGITS = 3
"""Significant digits of a latency that is kept: percentiles need no more, and memory stays bounded."""

_STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?|p100")

Values = Counter[float]
"""A metric's values in some time: value → how often."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Alarm:
    """What an alarm watches, from its PutMetricAlarm request.

    Attributes:
        name: its name.
        metric: one of the metrics of this module.
        variant: the variant whose requests count, or "" for all.
        statistic: Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99.
        period: seconds of a data point.
        periods: how many data points are looked at.
        breaching: how many of them have to breach the threshold.
        threshold: see `comparison`.
        comparison: how a data point is compared with the threshold.
        missing_breaches: whether a period without requests breaches.

    """

    name: str
    metric: str
    variant: str
    statistic: str
    period: float
    periods: int
    breaching: int
    threshold: float
    comparison: str
    missing_breaches: bool


def alarm(request: Mapping[str, Any], endpoint: str) -> Alarm | None:
    """Return what an alarm watches of an endpoint; None where that is nothing that is measured here."""
    held = {entry["Name"]: entry["Value"] for entry in request.get("Dimensions", [])}
    about = request.get("Namespace") == NAMESPACE and held.pop("EndpointName", None) == endpoint
    variant = held.pop("VariantName", "")
    statistic = request.get("Statistic") or request.get("ExtendedStatistic", "")
    known = (
        request.get("MetricName") in _measured(0, 0.0)
        and _STATISTIC.fullmatch(statistic) is not None
        and request.get("ComparisonOperator") in _COMPARISONS
        and "Threshold" in request
    )
    if not about or held or not known:
        return None
    periods = request["EvaluationPeriods"]
    return Alarm(
        name=request["AlarmName"],
        metric=request["MetricName"],
        variant=variant,
        statistic=statistic,
        period=request.get("Period", 60),
        periods=periods,
        breaching=request.get("DatapointsToAlarm", periods),
        threshold=request["Threshold"],
        comparison=request["ComparisonOperator"],
        missing_breaches=request.get("TreatMissingData") == "breaching",
    )


def _measured(status: int, seconds: float) -> dict[str, float]:
    """Return a request's value of each metric; the status is the container's, 500 where it gave none."""
    return {
        "Invocations": 1.0,
        "Invocation4XXErrors": float(400 <= status < 500),
        "Invocation5XXErrors": float(status >= 500),
        "InvocationModelErrors": float(not 200 <= status < 300),
        "ModelLatency": float(f"{seconds * _MICROSECONDS:.{_DIGITS}g}"),
    }


class Watch:
    """The requests of a fleet, second by second, and the alarms over them."""

    def __init__(self, alarms: Iterable[Alarm], clock: Callable[[], float] = time.monotonic):
        self._alarms = tuple(alarms)
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._seconds: dict[tuple[int, str], dict[str, Values]] = {}

    def note(self, variant: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            variant: which answered.
            status: its container's, 500 where it gave none.
            seconds: how long it took.

        """
        with self._lock:
            bucket = self._seconds.setdefault((int(self._clock() - self._began), variant), {})
            for metric, value in _measured(status, seconds).items():
                bucket.setdefault(metric, Counter())[value] += 1

    def went_off(self) -> str | None:
        """Return which alarms are in ALARM state and why, or None."""
        told = [text for text in map(self._state, self._alarms) if text]
        return "; ".join(told) or None

    def _state(self, alarm: Alarm) -> str | None:
        points = [self._point(alarm, number) for number in range(alarm.periods)]
        compare = _COMPARISONS[alarm.comparison]
        breaches = [
            alarm.missing_breaches if point is None else compare(point, alarm.threshold) for point in points
        ]
        if sum(breaches) < alarm.breaching:
            return None
        shown = ", ".join("no data" if point is None else f"{point:g}" for point in points)
        return f"{alarm.name}: {alarm.statistic} of {alarm.metric} is {shown}, {_words(alarm)}"

    def _point(self, alarm: Alarm, number: int) -> float | None:
        """Return the data point of the `number`-th period back from now, or None without requests."""
        age = self._clock() - self._began
        values: Values = Counter()
        with self._lock:
            for (second, variant), bucket in self._seconds.items():
                if (age - second) // alarm.period == number and alarm.variant in ("", variant):
                    values.update(bucket[alarm.metric])
        return _statistic(values, alarm.statistic) if values else None


def _words(alarm: Alarm) -> str:
    sign = {"ge": "≥", "gt": ">", "lt": "<", "le": "≤"}[_COMPARISONS[alarm.comparison].__name__]
    return f"which is {sign} {alarm.threshold:g} in {alarm.breaching} of {alarm.periods} periods"


def _statistic(values: Values, statistic: str) -> float:
    if statistic.startswith("p"):
        return _percentile(values, float(statistic[1:]))
    total, count = sum(value * times for value, times in values.items()), values.total()
    found = {
        "Sum": total,
        "Average": total / count,
        "Minimum": min(values),
        "Maximum": max(values),
        "SampleCount": float(count),
    }
    return found[statistic]


def _percentile(values: Values, percent: float) -> float:
    """Return the least value that `percent` of all values do not exceed."""
    wanted = math.ceil(values.total() * percent / 100)
    for value in sorted(values):
        wanted -= values[value]
        if wanted <= 0:
            return value
    return max(values)
