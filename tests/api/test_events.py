"""A decision on a model package starts the function that waits for it, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.api.start import LocalService
from local.bus import EventBus, Rule

pytestmark = pytest.mark.slow

RECORDER = '''
import json, os, sys, time
from pathlib import Path
import boto3

def record(event, context):
    """Keep what was given, and fail as often as the file `failures` says."""
    place = Path(__file__).parent
    tries = place / "tries"
    tries.write_text(str(int(tries.read_text() if tries.exists() else 0) + 1))
    failures = place / "failures"
    if failures.exists() and int(tries.read_text()) <= int(failures.read_text()):
        raise RuntimeError("not yet")
    groups = boto3.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    names = [group["ModelPackageGroupName"] for group in groups]
    said = {"event": event, "groups": names, "request": context.aws_request_id}
    (place / f"{event['id']}.json").write_text(json.dumps(said))

def wait(event, context):
    (Path(__file__).parent / "began").write_text(str(os.getpid()))
    if not (Path(__file__).parent / "go").exists():
        time.sleep(60)
'''

STATE = "SageMaker Model Package State Change"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a module that records, to be found by functions."""
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "recorder.py").write_text(RECORDER)
    root = str(Path(__file__).resolve().parents[2])

    def environment(url: str) -> dict[str, str]:
        return {**client_environment(url), "PYTHONPATH": f"{root}:{folder}"}

    from local.bus import client_environment

    monkeypatch.setattr("local.bus.client_environment", environment)
    monkeypatch.setattr("local.bus.RETRY_PAUSES", (0.01, 0.01))
    return folder


def listen(local: LocalService, function: str) -> None:
    rule = Rule(STATE, "ModelApprovalStatus", ("Approved", "Rejected"), f"recorder.{function}")
    local.service.events = EventBus(local.service, (rule,))


@pytest.fixture
def listening(site: Any, place: Path) -> Iterator[Any]:
    listen(site.local, "record")
    yield site
    site.service.events.close()


def package(site: Any) -> str:
    site.sagemaker.create_model_package_group(ModelPackageGroupName="Iris")
    containers = [{"Image": "x", "ModelDataUrl": site.put("s3://models/model.tar.gz")}]
    made = site.sagemaker.create_model_package(
        ModelPackageGroupName="Iris",
        InferenceSpecification={"Containers": containers},
        CustomerMetadataProperties={"a": "b"},
    )
    return str(made["ModelPackageArn"])


def told(place: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(place.glob("*.json"))]


def test_an_approval_is_told_as_eventbridge_tells_it(listening: Any, place: Path) -> None:
    arn = package(listening)
    listening.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    listening.until(listening.service.events.idle)
    (said,) = told(place)
    event = said["event"]
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.sagemaker", STATE, [arn])
    assert (event["account"], event["region"], event["version"]) == ("000000000000", "us-east-1", "0")
    detail = event["detail"]
    assert (detail["ModelPackageGroupName"], detail["ModelPackageVersion"]) == ("Iris", 1)
    assert (detail["ModelApprovalStatus"], detail["ApprovalDescription"]) == ("Approved", "good")
    assert detail["CustomerMetadataProperties"] == {"a": "b"}
    # the function talked to this service, with nothing of the user's own configuration
    assert said["groups"] == ["Iris"]
    assert said["request"]


def test_only_a_decision_is_told_and_each_once(listening: Any, place: Path) -> None:
    arn = package(listening)
    update = listening.sagemaker.update_model_package
    update(ModelPackageArn=arn, CustomerMetadataProperties={"c": "d"})
    for _ in range(2):
        update(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    update(ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval")
    update(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    listening.until(listening.service.events.idle)
    assert sorted(said["event"]["detail"]["ModelApprovalStatus"] for said in told(place)) == [
        "Approved",
        "Rejected",
    ]


@pytest.mark.parametrize(("failures", "delivered", "tries"), [(2, True, 3), (3, False, 3)])
@pytest.mark.slow
def test_a_function_that_fails_is_tried_three_times(
    listening: Any, place: Path, failures: int, delivered: bool, tries: int
) -> None:
    (place / "failures").write_text(str(failures))
    arn = package(listening)
    listening.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    listening.until(listening.service.events.idle)
    assert (place / "tries").read_text() == str(tries)
    assert bool(told(place)) is delivered
    failure = listening.service.events.last_failure()
    assert failure is None if delivered else failure.startswith("RuntimeError: not yet; log: ")


@pytest.mark.slow
def test_an_event_that_was_not_delivered_is_delivered_after_a_restart(tmp_path: Path, place: Path) -> None:
    home = tmp_path / "restarted"
    with LocalService(home) as local:
        listen(local, "wait")
        event = {"id": "1"}
        local.service.events.invoke("recorder.wait", event)
        began = place / "began"
        while not began.exists():
            pass
        first = began.read_text()
    (place / "go").touch()
    with LocalService(home) as local:
        while not local.service.events.idle():
            pass
        assert began.read_text() != first
        assert local.service.events.last_failure() is None


def test_an_event_is_not_told_of_a_change_that_was_not_made(listening: Any, place: Path) -> None:
    def fail() -> None:
        with listening.service.change():
            listening.service.events.put(STATE, {"ModelApprovalStatus": "Approved"})
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert listening.service.events.idle()
    assert told(place) == []
