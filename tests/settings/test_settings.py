"""A wrong setting is told by file, key, value and what is allowed, before anything is built from it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

import settings
from serving.settings import Endpoint as Served
from serving.settings import endpoint
from settings.model import Endpoint
from settings.reading import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the committed settings, free to be spoilt."""
    copied = tmp_path / "settings"
    copied.mkdir()
    for path in FOLDER.glob("*.toml"):
        shutil.copy(path, copied)
    return copied


def spoil(folder: Path, environment: str, old: str, new: str) -> str:
    """Replace a text in a settings file and return the error that reading it gives."""
    path = folder / f"{environment}.toml"
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new))
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(environment, folder)
    return str(caught.value)


@pytest.mark.parametrize("environment", settings.environments())
def test_every_committed_settings_file_is_valid(environment: str) -> None:
    assert settings.read(environment).environment == environment


def test_production_is_kept_and_development_is_cheap_to_leave() -> None:
    assert settings.read("prod").storage.on_destroy == "retain"
    assert settings.read("dev").storage.on_destroy == "empty"


@pytest.mark.parametrize(
    ("environment", "old", "new", "told"),
    [
        (
            "dev",
            "idle_minutes = 60",
            "idle_minuts = 60",
            ["studio.idle_minuts", "did you mean 'idle_minutes'"],
        ),
        ("dev", "idle_minutes = 60", "", ["studio.idle_minutes is missing"]),
        ("dev", "idle_minutes = 60", "idle_minutes = 5", ["studio.idle_minutes is 5", "60"]),
        ("dev", "idle_minutes = 60", 'idle_minutes = "60"', ["studio.idle_minutes is '60'", "integer"]),
        ("dev", 'mode = "quick"', 'mode = "fast"', ["studio.mode is 'fast'", "'quick' or 'custom'"]),
        ("dev", 'account = "111122223333"', 'account = "1111"', ["account is '1111'", "twelve digits"]),
        ("dev", 'cidr = "10.20.0.0/20"', 'cidr = "8.8.8.0/24"', ["network.cidr is '8.8.8.0/24'", "private"]),
        ("dev", 'cidr = "10.20.0.0/20"', 'cidr = "10.20.0.0/28"', ["network.cidr", "/16 to /24"]),
        ("dev", "flow_log_days = 14", "flow_log_days = 15", ["network.flow_log_days is 15", "14, 30"]),
        (
            "dev",
            'email = "ml-platform@example.com"',
            'email = "me"',
            ["alarms.email is 'me'", "e-mail address"],
        ),
        ("dev", "cron(0 6 ? * MON *)", "cron(0 6 * * MON *)", ["tasks.iris.schedule", "must be ?"]),
        ("dev", "cron(0 6 ? * MON *)", "every monday", ["tasks.iris.schedule is 'every monday'", "cron("]),
        ("dev", "cron(0 6 ? * MON *)", "rate(5 weeks)", ["tasks.iris.schedule", "minutes, hours or days"]),
        ("dev", "Europe/Berlin", "Europe/Berlim", ["tasks.iris.time_zone", "did you mean 'Europe/Berlin'"]),
        ("dev", "min_f1 = 0.9", "min_f1 = 1.5", ["tasks.iris.min_f1 is 1.5", "less than or equal to 1"]),
        ("dev", "memory_mb = 2048", "memory_mb = 2000", ["tasks.iris.endpoint.memory_mb is 2000", "1024"]),
    ],
)
def test_a_wrong_setting_names_file_key_value_and_what_is_allowed(
    folder: Path, environment: str, old: str, new: str, told: list[str]
) -> None:
    message = spoil(folder, environment, old, new)
    assert message.startswith(f"settings/{environment}.toml: ")
    assert "allowed: " in message
    assert [text for text in told if text not in message] == []


@pytest.mark.parametrize(
    ("environment", "old", "new", "told"),
    [
        (
            "dev",
            "in_vpc = false",
            "",
            ["tasks.iris.endpoint.in_vpc", "serverless endpoint cannot be in a VPC"],
        ),
        (
            "prod",
            'kind = "asynchronous"',
            'kind = "real-time"',
            ["scale_to_zero", "only an asynchronous endpoint"],
        ),
        (
            "prod",
            "scale_to_zero = true",
            "scale_to_zero = true\nin_vpc = false",
            ["tasks.zero-digit.endpoint.in_vpc", "only what comes through the VPC"],
        ),
        ("dev", 'region = "us-east-1"', 'region = "mx-central-1"', ["region is 'mx-central-1'", "no image"]),
        (
            "dev",
            '"us-east-1b"',
            '"us-west-2b"',
            ["network.availability_zones", "zones of the region us-east-1"],
        ),
        ("dev", '"us-east-1b"', '"us-east-1a"', ["network.availability_zones", "two different"]),
        ("prod", 'on_destroy = "retain"', 'on_destroy = "empty"', ["storage.on_destroy", "retain"]),
        (
            "prod",
            "idle_minutes = 120",
            'idle_minutes = 120\ncode_repository = "https://git.example.com/x"',
            ["studio.code_repository", "VPC-only"],
        ),
        ("prod", 'mode = "custom"', 'mode = "quick"', ["storage.outside_principals", "quick"]),
        (
            "dev",
            "execution_days = 60",
            "execution_days = 7",
            ["retention.execution_days is 7", "at least 30"],
        ),
        (
            "dev",
            "[tasks.zero-digit",
            "[tasks.zero-digits",
            ["tasks.zero-digits", "did you mean 'zero-digit'"],
        ),
        ("dev", "instance_count = 1", "memory_mb = 1024", ["endpoint.instance_count is missing"]),
        (
            "dev",
            "max_concurrency = 5",
            "instance_count = 1",
            ["endpoint.max_concurrency is missing", "instance_count is 1; allowed: nothing"],
        ),
        ("prod", "instance_count = 2", "instance_count = 1", ["instance_count is 1", "2 or more"]),
        (
            "dev",
            "min_f1 = 0.9\nschedule",
            'min_f1 = 0.9\nparameters = { KnnKay = "3" }\nschedule',
            ["tasks.iris.parameters", "did you mean 'KnnK'"],
        ),
        (
            "dev",
            "min_f1 = 0.9\nschedule",
            'min_f1 = 0.9\nparameters = { KnnK = "three" }\nschedule',
            ["tasks.iris.parameters", "no whole number"],
        ),
        (
            "dev",
            "min_f1 = 0.9\nschedule",
            'min_f1 = 0.9\nparameters = { MinF1 = "0.1" }\nschedule',
            ["tasks.iris.parameters.MinF1", "min_f1"],
        ),
        ("dev", 'owner = "ml-platform"', 'project = "other"', ["tags.project", "other names"]),
    ],
)
def test_settings_that_contradict_each_other_fail(
    folder: Path, environment: str, old: str, new: str, told: list[str]
) -> None:
    message = spoil(folder, environment, old, new)
    assert f"settings/{environment}.toml: " in message
    assert [text for text in told if text not in message] == []


# Everything that a real-time and an asynchronous endpoint can be told, in the place of zero-digit's in `dev`.
REAL_TIME = """kind = "real-time"
instance_type = "ml.m5.large"
instance_count = 2
max_instance_count = 6
invocations_per_instance = 500
previous_weight = 0.1
shifting = "linear"
step_percent = 50
bake_seconds = 120
alarms = ["zero-digit-quality"]
capture_percent = 20
output = "s3://answers/of/zero-digit"
"""
ASYNCHRONOUS = """kind = "asynchronous"
instance_type = "ml.m5.large"
instance_count = 1
max_instance_count = 4
backlog_per_instance = 3
scale_to_zero = true
bake_seconds = 0
output = "s3://answers"
success_topic = "arn:aws:sns:us-east-1:111122223333:done"
error_topic = "arn:aws:sns:us-east-1:111122223333:failed"
"""
ENDPOINT = """kind = "real-time"
instance_type = "ml.t2.medium"
instance_count = 1
bake_seconds = 120 # how long alarms may roll an update back; docs/serving.md has all keys
capture_percent = 100 # of requests and answers, written below endpoints/ in the artifact bucket
time_to_live_hours = 8
"""
PLAIN = """kind = "real-time"
instance_type = "ml.t2.medium"
instance_count = 1
"""


def say(folder: Path, endpoint: str) -> None:
    path = folder / "dev.toml"
    text = path.read_text()
    assert ENDPOINT in text
    path.write_text(text.replace(ENDPOINT, endpoint))


@pytest.mark.parametrize("said", [REAL_TIME, ASYNCHRONOUS])
def test_all_that_can_be_said_of_an_endpoint_reaches_the_function(folder: Path, said: str) -> None:
    say(folder, said)
    table = settings.read("dev", folder).tasks["zero-digit"].endpoint.table()
    served = endpoint("zero-digit", table)
    for line in said.splitlines():
        key, _, value = line.partition(" = ")
        held = getattr(served, key)
        assert json.loads(value) == (list(held) if isinstance(held, tuple) else held), key


def test_every_setting_of_an_endpoint_is_one_that_the_function_knows() -> None:
    assert set(Endpoint.model_fields) <= {field.name for field in dataclasses.fields(Served)}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("step_percent = 51", ["endpoint.step_percent is 51", "50"]),
        ("bake_seconds = 4000", ["endpoint.bake_seconds is 4000", "3600"]),
        ("alarms = []", ["endpoint.alarms", "at least 1"]),
        ('shifting = "blue"', ["endpoint.shifting is 'blue'", "'canary', 'linear' or 'all-at-once'"]),
        ("capture_percent = 101", ["endpoint.capture_percent is 101", "100"]),
        ('output = "/answers"', ["endpoint.output is '/answers'", "s3://BUCKET"]),
        ('error_topic = "failed"', ["endpoint.error_topic is 'failed'", "ARN of an SNS topic"]),
        ('error_topic = "arn:aws:sns:us-east-1:111122223333:f"', ["error_topic", "only asynchronous"]),
        ('shifting = "linear"', ["endpoint.shifting is 'linear'", "instance_count of 2 or more"]),
        ("max_instance_count = 3", ["endpoint.max_instance_count is 3", "ml.t2"]),
        ("memory_mb = 1024", ["endpoint.memory_mb is 1024", "nothing"]),
        ("previous_weight = 1.0", ["endpoint.previous_weight is 1.0", "0.9"]),
        ("capture = 10", ["endpoint.capture (no such setting", "capture_percent"]),
    ],
)
def test_what_an_endpoint_cannot_be_told_is_refused(folder: Path, said: str, told: list[str]) -> None:
    say(folder, f"{PLAIN}{said}\n")
    with pytest.raises(settings.SettingsError) as caught:
        settings.read("dev", folder)
    assert [text for text in told if text not in str(caught.value)] == [], caught.value


def test_all_problems_are_told_at_once(folder: Path) -> None:
    message = spoil(folder, "dev", 'mode = "quick"', 'mode = "fast"\nidle = 3')
    assert len(message.splitlines()) == 2


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(settings.SettingsError, match=r"'deb' .did you mean 'dev'.*dev, prod"):
        settings.read("deb")


def test_a_file_that_is_not_toml_says_where(folder: Path) -> None:
    assert "settings/dev.toml is not TOML" in spoil(folder, "dev", "[network]", "[network")
