"""Ctrl-C under `trainyard up`: the command ends, the execution goes on, and `trainyard wait` follows it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def up(home: Path) -> Iterator[None]:
    """A running service on the state directory."""
    with start(home, "up", "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
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
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    [row] = json.loads(command(home, "executions", "--json").stdout)
    assert f"follow it with: trainyard wait {row['execution']}" in said

    waited = command(home, "wait", row["execution"], "--json")
    assert waited.returncode == 0, waited.stderr
    assert json.loads(waited.stdout)["status"] == "Succeeded"
    assert "Train-knn" in waited.stderr
