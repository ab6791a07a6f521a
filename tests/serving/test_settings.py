"""Settings of endpoints: strict, and contradictions are refused with key, value and cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.__main__ import ONE_MACHINE
from serving.settings import VARIABLE, SettingsError, endpoint, from_environment, from_file


def test_a_group_without_settings_is_served_in_real_time_for_eight_hours(tmp_path: Path) -> None:
    served = from_file(tmp_path / "absent.toml", ONE_MACHINE).of("iris")
    assert (served.task, served.kind, served.time_to_live_hours) == ("iris", "real-time", 8)
    assert (served.shifting, served.instance_count) == ("canary", 2)


def test_a_file_says_it_per_group(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text('[iris]\nkind = "serverless"\nmemory_mb = 3072\ntime_to_live_hours = "never"\n')
    served = from_file(path, ONE_MACHINE)
    assert (served.of("iris").memory_mb, served.of("iris").max_concurrency) == (3072, 5)
    assert served.of("iris").time_to_live_hours is None
    assert served.of("zero-digit").kind == "real-time"


def test_the_environment_says_the_same_as_json_and_null_is_as_good_as_absent() -> None:
    table = {"kind": "serverless", "instance_type": None, "memory_mb": 1024, "time_to_live_hours": None}
    served = from_environment({VARIABLE: json.dumps({"trainyard-dev-iris": {"task": "iris", **table}})})
    assert served.of("trainyard-dev-iris").task == "iris"
    assert served.of("trainyard-dev-iris").instance_type is None
    assert served.of("trainyard-dev-iris").time_to_live_hours is None


@pytest.mark.parametrize(
    ("table", "culprits"),
    [
        ({"kind": "realtime"}, ["iris.kind", "realtime", "real-time, serverless, asynchronous"]),
        ({"kinds": "serverless"}, ["iris.kinds", "no such setting", "instance_count"]),
        ({"instance_count": 0}, ["instance_count is 0", "from 1 to 100"]),
        ({"instance_count": True}, ["instance_count is true"]),
        ({"kind": "serverless", "memory_mb": 1000}, ["memory_mb is 1000", "1024, 2048"]),
        ({"time_to_live_hours": -1}, ["time_to_live_hours is -1", "never"]),
        ({"alarms": []}, ["alarms", "1 to 10"]),
        ({"roles": {"knn": "me"}}, ["roles", "role ARN"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(table: dict[str, Any], culprits: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        endpoint("iris", table)
    assert all(culprit in str(caught.value) for culprit in culprits), caught.value


@pytest.mark.parametrize(
    ("table", "culprit"),
    [
        ({"kind": "serverless", "instance_count": 2}, "instance_count"),
        ({"kind": "serverless", "in_vpc": True}, "in_vpc"),
        ({"kind": "serverless", "capture_percent": 10}, "capture_percent"),
        ({"kind": "serverless", "shifting": "canary"}, "shifting"),
        ({"kind": "real-time", "memory_mb": 2048}, "memory_mb"),
        ({"kind": "real-time", "scale_to_zero": True}, "scale_to_zero"),
        ({"kind": "real-time", "success_topic": "arn:aws:sns:us-east-1:1:t"}, "success_topic"),
        ({"kind": "asynchronous", "previous_weight": 0.1}, "previous_weight"),
        ({"instance_count": 1, "shifting": "canary"}, "shifting"),
        ({"shifting": "linear", "step_percent": 5}, "step_percent"),
        ({"instance_count": 4, "max_instance_count": 2}, "max_instance_count"),
        ({"instance_type": "ml.t2.medium", "max_instance_count": 3}, "max_instance_count"),
        ({"in_vpc": True}, "in_vpc"),
    ],
)
def test_what_cannot_hold_together_is_refused(table: dict[str, Any], culprit: str) -> None:
    with pytest.raises(SettingsError, match=rf"iris\.{culprit} is .*; allowed: "):
        endpoint("iris", table)


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        endpoint("iris", {"kind": "serverless", "instance_count": 2, "in_vpc": True})
    assert {"iris.instance_count", "iris.in_vpc"} <= set(str(caught.value).split())


def test_no_json_is_said_so() -> None:
    with pytest.raises(SettingsError, match="TRAINYARD_ENDPOINTS is not JSON"):
        from_environment({VARIABLE: "iris"})


def test_no_toml_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text("[iris")
    with pytest.raises(SettingsError, match=r"endpoints\.toml is not TOML"):
        from_file(path, {})
