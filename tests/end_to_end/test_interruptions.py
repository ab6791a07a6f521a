"""Runs that are killed, interrupted, doubled or out of disk: nothing half-written, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.slow

Command = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`trainyard ARGUMENTS` under way, in a process group of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**os.environ, "TRAINYARD_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(stream: IO[str] | None, words: str) -> None:
    """Read progress lines until one says `words`."""
    assert stream is not None
    for line in stream:
        if all(word in line for word in words.split()):
            return
    raise AssertionError(f"progress ended without {words!r}")


@pytest.mark.parametrize("moment", ["Convert started", "Train-knn started", "Transform-knn started"])
def test_a_killed_run_goes_on_where_it_was(home: Path, command: Command, moment: str) -> None:
    with running(home, "run", "iris") as process:
        wait_for(process.stderr, moment)
        process.kill()

    [stopped] = json.loads(command(home, "executions", "--json").stdout)
    assert stopped["status"] == "Stopped"
    assert f"--resume {stopped['execution']}" in stopped["failure_reason"]
    before = _steps(command(home, "describe", stopped["execution"], "--json").stdout)

    done = command(home, "run", "--resume", stopped["execution"], "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["execution"] == stopped["execution"]
    assert result["candidates"]["knn"]["accuracy"] == 0.9736842105263158

    after = _steps(command(home, "describe", stopped["execution"], "--json").stdout)
    kept = [name for name, step in before.items() if step["status"] == "Succeeded"]
    assert [after[name]["ended"] for name in kept] == [before[name]["ended"] for name in kept]
    assert len(json.loads(command(home, "models", "--json").stdout)) == 1
    assert not list((home / "tmp").glob("*")), "something half-written was left"


def _steps(description: str) -> dict[str, Any]:
    return {step["name"]: step for step in json.loads(description)["steps"]}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_jobs_and_the_execution_can_go_on(
    home: Path, command: Command, sent: signal.Signals
) -> None:
    with running(home, "run", "iris") as process:
        wait_for(process.stderr, "Train-knn started")
        process.send_signal(sent)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    [stopped] = json.loads(command(home, "executions", "--json").stdout)
    assert stopped["status"] == "Stopped"
    way_on = f"go on with: trainyard run --resume {stopped['execution']}"
    assert errors.splitlines()[-1] == f"trainyard: interrupted; {way_on}"
    other = command(home, "run", "zero-digit", "--resume", stopped["execution"])
    assert other.returncode == 2
    assert f"{stopped['execution']}: it is an execution of iris, not of zero-digit" in other.stderr
    assert command(home, "run", "iris", "--resume", stopped["execution"]).returncode == 0


def test_a_second_run_at_the_same_time_is_refused_by_name(home: Path, command: Command) -> None:
    with running(home, "run", "iris") as first:
        wait_for(first.stderr, "Convert started")
        second = command(home, "run", "iris")
        assert second.returncode == 2
        assert str(first.pid) in second.stderr
        listed = command(home, "executions", "--json")
        assert [row["status"] for row in json.loads(listed.stdout)] == ["Executing"]
        first.communicate(timeout=300)
    assert first.returncode == 0


def test_a_finished_execution_is_not_resumed(home: Path, command: Command) -> None:
    command(home, "run", "iris", "--set", "MinF1=0.999")
    [failed] = json.loads(command(home, "executions", "--json").stdout)
    assert failed["status"] == "Failed"
    # A failed one may be: with the same parameters it fails again at the gate, having repeated no training.
    again = command(home, "run", "--resume", failed["execution"], "--json")
    assert again.returncode == 1
    assert command(home, "run", "--resume", "abcdefghijkl").returncode == 2


def test_a_full_disk_is_said_and_the_execution_goes_on_when_there_is_room(
    tmp_path: Path, command: Command
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    try:
        home = disk / "state"
        full = command(home, "run", "zero-digit")
        assert full.returncode in (1, 2)
        assert "Traceback" not in full.stderr
        assert "no space left" in full.stderr.lower()
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        executions = json.loads(command(home, "executions", "--json").stdout)
        arguments = ["--resume", executions[0]["execution"]] if executions else ["zero-digit"]
        done = command(home, "run", *arguments)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)
