"""Ctrl-C under `trainyard up`: the command ends, the execution goes on, and `trainyard wait` follows it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def up(home: Path) -> Iterator[None]:
    """A running service on the state directory."""
    with running(home):
        yield


@contextmanager
def running(home: Path) -> Iterator[None]:
    """Run a service on the state directory, and end it whatever happens."""
    with start(home, "up", "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=60)


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**os.environ, "TRAINYARD_HOME": str(home), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if arguments[0] != "up" else None,
        text=True,
    )


@pytest.mark.usefixtures("up")
def test_an_interrupted_run_goes_on_and_can_be_waited_for(home: Path, command: Trainyard) -> None:
    with start(home, "run", "iris") as process:
        assert process.stderr is not None
        assert any("Convert" in line and "started" in line for line in process.stderr)
        assert process.poll() is None, "it was over before it could be interrupted"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    [row] = json.loads(command(home, "executions", "--json").stdout)
    assert f"follow it with: trainyard wait {row['execution']}" in said

    waited = command(home, "wait", row["execution"], "--json")
    assert waited.returncode == 0, waited.stderr
    assert json.loads(waited.stdout)["status"] == "Succeeded"
    assert "Train-knn" in waited.stderr


def told(command: Trainyard, home: Path, *arguments: str) -> Any:
    """Return what a command tells as JSON, without what a job's description has besides."""
    done = command(home, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    for step in answer.get("steps", []) if isinstance(answer, dict) else []:
        kept = ("Outcome", "ModelPackageArn", "TrainingJobName", "TransformJobName", "ProcessingJobName")
        step["properties"] = {key: step["properties"][key] for key in kept if key in step["properties"]}
    return answer


def test_a_service_tells_what_the_state_directory_tells_and_is_asked_where_it_runs(
    home: Path, command: Trainyard
) -> None:
    for _ in range(2):  # the second is served from the step cache, in part
        assert command(home, "run", "iris").returncode == 0
    own = home.parent / "own.json"
    own.write_text(json.dumps({"Version": "2020-12-01", "Steps": [fail("Ends", "as it should")]}))
    assert command(home, "run", "--definition", str(own)).returncode == 1
    newest = told(command, home, "executions")[1]["execution"]
    asked = (("executions",), ("describe", newest))
    before = [told(command, home, *arguments) for arguments in asked]
    with running(home):
        assert [told(command, home, *arguments) for arguments in asked] == before
        assert command(home, "models", "iris").stdout.count("model-package/iris/") == 2
        assert "did you mean 'iris'" in command(home, "models", "irsi").stderr
        # A service that cannot be reached is not passed over.
        address = home / "service.json"
        address.write_text(json.dumps({**json.loads(address.read_text()), "url": "http://127.0.0.1:9"}))
        refused = command(home, "executions")
        assert (refused.returncode, "Could not connect" in refused.stderr) == (2, True)


def fail(name: str, message: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}
