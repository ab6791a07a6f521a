"""Commands reach the service that runs, or one of their own, or AWS, by the same clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.client import connect
from local.errors import BusyError
from local.state import open_state


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("TRAINYARD_HOME", str(folder))
    return folder


@pytest.mark.slow
def test_without_a_service_a_command_brings_its_own_which_ends_with_it(home: Path) -> None:
    with connect("local") as clients:
        assert clients.embedded
        assert clients.url.startswith("http://127.0.0.1:")
        names = [entry["PipelineName"] for entry in clients.sagemaker.list_pipelines()["PipelineSummaries"]]
        assert sorted(names) == ["digits", "iris", "zero-digit"]
        clients.s3.put_object(Bucket="trainyard-raw", Key="a", Body=b"kept")
        assert clients.settle() is None
    with open_state(home) as state:
        assert state.objects.read("s3://trainyard-raw/a") == b"kept"
    with connect("local") as clients:
        assert clients.s3.get_object(Bucket="trainyard-raw", Key="a")["Body"].read() == b"kept"


@pytest.mark.slow
def test_the_service_that_runs_is_used(up: Any) -> None:
    up.start()
    with connect("local") as clients:
        assert (clients.url, clients.embedded) == (up.url, False)
        assert clients.settle() is None
    up.kill()
    with connect("local") as clients:
        assert clients.embedded


def test_a_run_that_holds_the_state_is_named(home: Path) -> None:
    with open_state(home, write=True), pytest.raises(BusyError, match="in use"), connect("local"):
        pass


def test_on_aws_the_users_own_configuration_counts(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with connect("aws") as clients:
        assert clients.sagemaker.meta.endpoint_url == "https://api.sagemaker.eu-central-1.amazonaws.com"
        assert (clients.embedded, clients.settle()) == (False, None)
    assert not home.exists()


def test_a_mistake_in_the_commands_own_service_does_not_leave_the_state_locked(home: Path) -> None:
    with pytest.raises(ArithmeticError), connect("local"):
        raise ArithmeticError
    with open_state(home, write=True):
        pass
