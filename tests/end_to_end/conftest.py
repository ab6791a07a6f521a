"""A real command line: child processes in a state directory of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Trainyard = Callable[..., subprocess.CompletedProcess[str]]


def _command(home: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `trainyard ARGUMENTS` with its state in `home`."""
    environment = {**os.environ, "TRAINYARD_HOME": str(home), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let child processes hear of SIGINT, which a shell's background job, and so its descendants, ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def command() -> Trainyard:
    """`command(home, …)` runs `trainyard …` with its state in `home`."""
    return _command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty state directory."""
    return tmp_path / "state"


@pytest.fixture
def trainyard(home: Path) -> Trainyard:
    """Run `trainyard` in this test's state directory."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return _command(home, *arguments, **options)

    return run


def _run_json(home: Path, *arguments: str) -> dict[str, Any]:
    done = _command(home, "run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="session")
def run_json() -> Callable[..., dict[str, Any]]:
    """`run_json(home, …)` runs `trainyard run … --json` to success and returns its one object."""
    return _run_json


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A state directory in which `trainyard run iris` has succeeded, and what it printed as JSON."""
    home = tmp_path_factory.mktemp("iris") / "state"
    return home, _run_json(home, "iris")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The same for `trainyard run zero-digit` on scikit-learn's digits."""
    home = tmp_path_factory.mktemp("digits") / "state"
    return home, _run_json(home, "zero-digit")
