"""From raw data to an endpoint, to a better one, back, and to nothing left: through the real command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]
WORSE = ("--set", "KnnK=101", "--set", "LinearLearnerEpochs=1", "--set", "MinF1=0.1")
SETTINGS = "[iris]\ninstance_count = 2\nbake_seconds = 1\n"


class Up:
    """`trainyard up` on a state directory, and commands beside it."""

    def __init__(self, home: Path, command: Trainyard, settings: str = SETTINGS):
        self.home = home
        self._command = command
        home.mkdir(exist_ok=True)
        (home / "endpoints.toml").write_text(settings)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up", "--port", "0"],
            env={**os.environ, "TRAINYARD_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def __call__(self, *arguments: str) -> Any:
        """Run a command that succeeds, and return the JSON that it prints."""
        done = self._command(self.home, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def wait_for(self, model_package: str) -> dict[str, Any]:
        """Wait until the endpoint serves a package, and return what is told of it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for row in self("endpoints"):
                settled = row["status"] == "InService" and row["pending_endpoint_config"] is None
                if settled and row["model_package_arn"] == model_package:
                    return dict(row)
            time.sleep(0.2)
        raise AssertionError(f"{model_package} is not served: {self('endpoints')}")

    def object(self, suffix: str, execution: str) -> bytes:
        """Return the content of the one object of an execution whose key ends in `suffix`."""
        [path] = (self.home / "s3" / "trainyard-artifacts" / "iris" / execution).rglob(suffix)
        return path.read_bytes()

    def invoke(self, path: Path) -> str:
        """Return the endpoint's answer to a file."""
        done = self._command(
            self.home, "invoke", "iris", "--file", str(path), "--accept", "application/jsonlines"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def client(self, service: str) -> Any:
        """Return boto3's client of the service."""
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **keys)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def up(tmp_path: Path, command: Trainyard) -> Iterator[Up]:
    """A running service without a package."""
    running = Up(tmp_path / "state", command)
    yield running
    running.close()


def test_the_whole_loop(up: Up, tmp_path: Path) -> None:
    worse = up("run", "iris", *WORSE)
    first = worse["model_package"]["arn"]
    assert worse["model_package"]["approval_status"] == "PendingManualApproval"
    assert up("endpoints") == []

    up("approve", first, "--comment", "to begin with")
    served = up.wait_for(first)
    assert served["execution"] == worse["execution"]
    rows = tmp_path / "rows.csv"
    rows.write_bytes(up.object("test/test.csv", worse["execution"]))
    expected = up.object(f"Transform-{worse['champion']}/test.csv.out", worse["execution"]).decode()
    assert up.invoke(rows) == expected

    better = up("run", "iris")
    second = better["model_package"]["arn"]
    champions = [result["candidates"][result["champion"]]["macro_f1"] for result in (worse, better)]
    assert champions[0] < champions[1]
    up("approve", second)
    up.wait_for(second)
    improved = up.object(f"Transform-{better['champion']}/test.csv.out", better["execution"]).decode()
    assert improved != expected
    assert up.invoke(rows) == improved

    predictions = tmp_path / "predictions.jsonl"
    up("predict", "iris", "--as-is", "--data", str(rows), "--output", str(predictions))
    assert predictions.read_text() == improved

    up("reject", "iris/2", "--comment", "it was not what it seemed")
    up.wait_for(first)
    assert up.invoke(rows) == expected

    removed = up("teardown", "iris")
    assert [entry["kind"] for entry in removed["removed"]] == [
        "endpoint",
        *["endpoint configuration"] * 2,
        *["model"] * 2,
    ]
    assert removed["remaining"] == []
    assert up("teardown", "iris")["removed"] == []
    assert up("endpoints") == []
    sagemaker = up.client("sagemaker")
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    models = sagemaker.list_models(MaxResults=100)["Models"]
    assert {model["ModelName"].partition("-")[0] for model in models} == {"pipelines"}


def test_a_model_that_cannot_be_loaded_never_replaces_the_one_that_serves(up: Up, tmp_path: Path) -> None:
    first = up("run", "iris")["model_package"]["arn"]
    up("approve", first)
    up.wait_for(first)
    sagemaker = up.client("sagemaker")
    container = sagemaker.describe_model_package(ModelPackageName=first)["InferenceSpecification"][
        "Containers"
    ][0]
    up.client("s3").put_object(Bucket="trainyard-artifacts", Key="broken/model.tar.gz", Body=b"no archive")
    broken = sagemaker.create_model_package(
        ModelPackageGroupName="iris",
        InferenceSpecification={
            "Containers": [
                {"Image": container["Image"], "ModelDataUrl": "s3://trainyard-artifacts/broken/model.tar.gz"}
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    up("approve", broken)
    deadline = time.monotonic() + 60
    while not (row := up("endpoints")[0])["failure_reason"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "model" in row["failure_reason"]
    up.wait_for(first)
    rows = tmp_path / "rows.csv"
    rows.write_text("5.1,3.5,1.4,0.2\n")
    assert up.invoke(rows) == '{"predicted_label": 0.0}\n'


def test_an_approval_without_a_running_service_is_served_by_the_next_one(
    iris: tuple[Path, dict[str, Any]], command: Trainyard, tmp_path: Path
) -> None:
    home = tmp_path / "state"
    shutil.copytree(iris[0], home)
    done = command(home, "approve", "iris/1")
    assert done.returncode == 0, done.stderr
    assert "InService" in done.stdout
    assert "without it, each `invoke`\n           and `predict --live` starts it for itself." in done.stdout
    rows = tmp_path / "rows.csv"
    rows.write_text("5.1,3.5,1.4,0.2\n")
    alone = command(home, "invoke", "iris", "--file", str(rows), "--accept", "application/jsonlines")
    assert alone.stdout == '{"predicted_label": 0.0}\n', alone.stderr
    running = Up(home, command)
    try:
        running.wait_for(iris[1]["model_package"]["arn"])
        assert running.invoke(rows) == '{"predicted_label": 0.0}\n'
    finally:
        running.close()
    done = command(home, "teardown", "iris")
    assert "removed  endpoint iris" in done.stdout
    assert "Nothing that serves iris is left." in done.stdout


@pytest.mark.parametrize("kind", ["asynchronous", "serverless"])
def test_an_endpoint_of_another_kind_answers_the_same_command(
    iris: tuple[Path, dict[str, Any]], command: Trainyard, tmp_path: Path, kind: str
) -> None:
    home = tmp_path / "state"
    shutil.copytree(iris[0], home)
    running = Up(home, command, f'[iris]\nkind = "{kind}"\n')
    try:
        running("approve", "iris/1")
        assert running.wait_for(iris[1]["model_package"]["arn"])["kind"] == kind
        rows = tmp_path / "rows.csv"
        rows.write_text("5.1,3.5,1.4,0.2\n6.0,2.2,4.0,1.0\n")
        assert running.invoke(rows) == '{"predicted_label": 0.0}\n{"predicted_label": 1.0}\n'
        rows.write_text("5.1,3.5\n")
        refused = command(home, "invoke", "iris", "--file", str(rows))
        assert refused.returncode == 2
        [line] = refused.stderr.strip().splitlines()
        assert "4" in line, line
    finally:
        running.close()


def test_the_same_commands_ask_aws_where_they_are_told_to(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What boto3 takes for AWS is another service here; the commands' own state directory is empty."""
    for name, value in {
        "AWS_ENDPOINT_URL": up.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    away = Up.__new__(Up)
    away.home, away._command = tmp_path / "elsewhere", up._command

    def aws(*arguments: str) -> Any:
        return away(*arguments, "--on", "aws")

    result = aws("run", "iris")
    package = result["model_package"]["arn"]
    here = up("describe", result["execution"])
    there = aws("describe", result["execution"])
    assert {step["name"]: step["outputs"] for step in there["steps"]} == {
        step["name"]: step["outputs"] for step in here["steps"]
    }
    assert [row["execution"] for row in aws("executions")] == [result["execution"]]
    assert [row["model_package_arn"] for row in aws("models", "iris")] == [package]
    aws("approve", package)
    up.wait_for(package)
    assert aws("endpoints")[0]["endpoint"] == "iris"
    assert aws("teardown", "iris")["remaining"] == []
