"""What the commands around approval say when used wrongly: one line, exit code 2, nothing changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]
Finished = tuple[Path, dict[str, Any]]


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("trainyard: ")
    return line


@pytest.fixture
def rows(tmp_path: Path) -> str:
    """One flower."""
    path = tmp_path / "rows.csv"
    path.write_text("5.1,3.5,1.4,0.2\n")
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "culprits"),
    [
        (["approve", "iris"], ["iris", "ARN", "TASK/VERSION"]),
        (["approve", "iris/99"], ["iris", "no version 99", "trainyard models iris"]),
        (["approve", "irsi/1"], ["irsi", "no model package group", "no task", "iris, zero-digit, digits"]),
        (
            ["reject", "arn:aws:sagemaker:us-east-1:000000000000:model-package/iris/99"],
            ["iris/99", "no model package"],
        ),
        (["approve", "iris/1", "--comment", "x" * 1025], ["--comment", "1025", "1024"]),
        (["teardown", "irsi"], ["irsi", "no model package group", "no task", "iris, zero-digit, digits"]),
        (["invoke", "irsi", "--file", "{rows}"], ["irsi", "trainyard endpoints"]),
        (["invoke", "iris", "--file", "nowhere.csv"], ["nowhere.csv", "No such file"]),
        (["invoke", "iris", "--file", "/dev/null"], ["/dev/null", "--content-type"]),
        (["predict", "iris", "--data", "{rows}", "--output", "out"], ["iris", "trainyard approve"]),
        (["predict", "iris", "--data", "nowhere.csv", "--output", "out"], ["--data nowhere.csv"]),
        (["predict", "iris", "--data", "{rows}", "--output", "no/out"], ["--output no/out"]),
    ],
)
def test_a_wrong_use_names_the_culprit_and_the_cure(
    iris: Finished, command: Trainyard, rows: str, arguments: list[str], culprits: list[str]
) -> None:
    home, _ = iris
    line = complaint(command(home, *(argument.format(rows=rows) for argument in arguments)))
    assert all(culprit in line for culprit in culprits), line


def test_nothing_was_approved_by_any_of_these(iris: Finished, command: Trainyard) -> None:
    home, _ = iris
    listed = json.loads(command(home, "models", "iris", "--json").stdout)
    assert {row["approval_status"] for row in listed} == {"PendingManualApproval"}
    assert json.loads(command(home, "endpoints", "--json").stdout) == []


def test_aws_without_credentials_is_one_line(
    trainyard: Trainyard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert "credentials" in complaint(trainyard("endpoints", "--on", "aws"))
