"""Nothing is left behind: by teardown, and by the time to live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.api import Clients, seconds_from_now
from serving.names import as_time
from serving.teardown import Removal, teardown

pytestmark = pytest.mark.slow

GROUP = "iris"
NOTHING: dict[str, list[str]] = {"endpoints": [], "configs": [], "models": []}
Registry = Any  # tests/serving/conftest.py


def torn_down(registry: Registry) -> Removal:
    return teardown(Clients(registry.sagemaker, registry.client), GROUP, seconds_from_now(30))


def expire(registry: Registry, moment: str) -> None:
    registry.sagemaker.add_tags(
        ResourceArn=registry.live()["EndpointArn"], Tags=[{"Key": "trainyard:expires", "Value": moment}]
    )


@pytest.mark.slow
def test_endpoint_configurations_and_models_go_in_this_order(registry: Registry) -> None:
    registry.deploy()
    registry.deploy()
    removal = torn_down(registry)
    kinds = [entry["kind"] for entry in removal.removed]
    assert kinds == ["endpoint", *["endpoint configuration"] * 2, *["model"] * 2]
    assert removal.remaining == []
    assert registry.names() == NOTHING


def test_a_second_teardown_finds_nothing_and_says_so(registry: Registry) -> None:
    registry.deploy()
    torn_down(registry)
    again = torn_down(registry)
    assert (again.removed, again.remaining) == ([], [])


@pytest.mark.slow
def test_what_others_made_stays(registry: Registry) -> None:
    """Models of pipelines, and of a group whose name begins in the same way."""
    arn = registry.deploy()
    for name in ("pipelines-abc-CreateModel-knn", "iris-v2-v1-0123456789"):
        registry.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"ModelPackageName": arn},
            ExecutionRoleArn=registry.settings["role_arn"],
        )
    assert torn_down(registry).remaining == []
    assert sorted(registry.names()["models"]) == ["iris-v2-v1-0123456789", "pipelines-abc-CreateModel-knn"]


@pytest.mark.slow
def test_an_endpoint_that_something_else_made_remains_with_the_reason(registry: Registry) -> None:
    registry.deploy()
    keys = list(registry.tags(registry.live()["EndpointArn"]))
    registry.sagemaker.delete_tags(ResourceArn=registry.live()["EndpointArn"], TagKeys=keys)
    [remaining] = torn_down(registry).remaining
    assert (remaining["kind"], remaining["name"]) == ("endpoint", GROUP)
    assert "something else made it" in remaining["reason"]
    assert registry.ask() == "1"


def test_a_late_copy_of_an_approval_does_not_bring_the_endpoint_back(registry: Registry) -> None:
    event = registry.event(registry.register())
    registry.handle(event)
    torn_down(registry)
    event["time"] = as_time(datetime.now(UTC) - timedelta(seconds=5))
    outcome = registry.handle(event)
    assert outcome["action"] == "none"
    assert "removed after this approval" in outcome["reason"]
    assert registry.names() == NOTHING


@pytest.mark.slow
def test_a_new_approval_brings_the_endpoint_back(registry: Registry) -> None:
    arn = registry.deploy()
    torn_down(registry)
    event = registry.decide(arn, "Approved")
    event["time"] = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert registry.handle(event)["action"] == "created"
    assert registry.ask() == "1"


# --- time to live -------------------------------------------------------------------------------------------


def test_an_endpoint_is_removed_when_its_time_is_over(registry: Registry) -> None:
    registry.deploy()
    assert registry.handle(registry.tick()) == {"expired": []}
    expire(registry, as_time(datetime.now(UTC) - timedelta(seconds=1)))
    [removal] = registry.handle(registry.tick())["expired"]
    assert removal["removed"][0] == {"kind": "endpoint", "name": GROUP}
    assert registry.names() == NOTHING


@pytest.mark.slow
@pytest.mark.parametrize("hours", [8, "never"])
def test_until_then_it_stays(registry: Registry, hours: object) -> None:
    registry.settings = {**registry.settings, "time_to_live_hours": hours}
    registry.deploy()
    assert registry.handle(registry.tick()) == {"expired": []}
    assert registry.ask() == "1"


@pytest.mark.slow
def test_an_update_begins_the_time_to_live_anew(registry: Registry) -> None:
    registry.deploy()
    expire(registry, "2026-01-01T00:00:00Z")
    registry.deploy()
    assert registry.handle(registry.tick()) == {"expired": []}
