"""Settings of endpoints: strict, and contradictions are refused with key, value and cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.settings import PLACE_VARIABLE, VARIABLE, Endpoints, SettingsError, endpoint, from_environment


def read(tables: dict[str, Any]) -> Endpoints:
    return Endpoints(tables, "settings")


def test_without_settings_of_its_own_a_group_is_served_in_real_time_for_eight_hours() -> None:
    served = read({"*": {}}).of("iris")
    assert (served.task, served.kind, served.time_to_live_hours) == ("iris", "real-time", 8)
    assert (served.shifting, served.instance_count) == ("canary", 2)


def test_a_table_says_it_per_group() -> None:
    table = {"kind": "serverless", "memory_mb": 3072, "time_to_live_hours": "never"}
    served = read({"iris": table, "*": {"bake_seconds": 2}})
    assert (served.of("iris").memory_mb, served.of("iris").max_concurrency) == (3072, 5)
    assert served.of("iris").time_to_live_hours is None
    assert served.of("zero-digit").kind == "real-time"
    assert served.of("iris").bake_seconds == served.of("zero-digit").bake_seconds == 2


def test_null_is_as_good_as_absent() -> None:
    table = {"kind": "serverless", "instance_type": None, "memory_mb": 1024, "time_to_live_hours": None}
    served = read({"trainyard-dev-iris": {"task": "iris", **table}}).of("trainyard-dev-iris")
    assert (served.task, served.instance_type, served.time_to_live_hours) == ("iris", None, None)


def test_a_group_that_is_not_named_is_not_served() -> None:
    served = read({"iris": {}})
    assert served.serves("iris")
    assert not served.serves("zero-digit")
    with pytest.raises(SettingsError, match="nothing of the group 'zero-digit'; it names iris"):
        served.of("zero-digit")


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


def test_the_variable_names_a_file_and_the_place_adds_what_its_tables_leave_out(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"iris": {"in_vpc": True}, "digits": {"kind": "serverless"}}))
    place = {"subnets": ["subnet-1"], "security_groups": ["sg-1"], "kms_key_arn": "arn:aws:kms:key"}
    served = from_environment({VARIABLE: str(file), PLACE_VARIABLE: json.dumps(place)})
    assert (served.of("iris").subnets, served.of("iris").security_groups) == (("subnet-1",), ("sg-1",))
    assert served.of("digits").kind == "serverless"
    assert not served.serves("zero-digit")


@pytest.mark.parametrize(
    ("text", "culprit"),
    [(None, "cannot be read"), ("iris", "is not JSON"), ("[1]", r"is \[1\]; allowed")],
)
def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path, text: str | None, culprit: str) -> None:
    file = tmp_path / "endpoints.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match=f"endpoints.json,? .*{culprit}"):
        from_environment({VARIABLE: str(file)})


def test_a_variable_that_is_not_set_or_no_table_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"{VARIABLE} is not set"):
        from_environment({})
    file = tmp_path / "endpoints.json"
    file.write_text("{}")
    with pytest.raises(SettingsError, match=rf"{PLACE_VARIABLE} is \[1\]"):
        from_environment({VARIABLE: str(file), PLACE_VARIABLE: "[1]"})
