"""A state directory that an earlier version wrote goes on to be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from local.api.start import LocalService
from local.schema import _MIGRATIONS
from local.state import open_state


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What version 1 left behind: an execution, and a package of a group."""
    folder = tmp_path / "before"
    folder.mkdir()
    connection = sqlite3.connect(folder / "records.sqlite", isolation_level=None)
    connection.executescript(f"{_MIGRATIONS[1]} PRAGMA user_version=1;")
    arn = "arn:aws:sagemaker:us-east-1:000000000000"
    time = "2025-01-01T00:00:00.000Z"
    connection.execute(
        "INSERT INTO executions (id, arn, pipeline, status, parameters, definition, started, ended) "
        "VALUES ('abc', ?, 'iris', 'Succeeded', '{}', '{\"Steps\": []}', ?, ?)",
        (f"{arn}:pipeline/iris/execution/abc", time, time),
    )
    connection.execute(
        "INSERT INTO model_package_groups VALUES ('iris', ?, ?)",
        (f"{arn}:model-package-group/iris", time),
    )
    connection.execute(
        "INSERT INTO model_packages "
        "VALUES (?, 'iris', 4, 'Completed', 'Approved', '{}', 'abc', 'Register', ?)",
        (f"{arn}:model-package/iris/4", time),
    )
    connection.close()
    return folder


def test_it_can_be_read_without_being_changed(home: Path) -> None:
    before = (home / "records.sqlite").read_bytes()
    with open_state(home) as state:
        assert [entry["status"] for entry in state.executions()] == ["Succeeded"]
        assert state.model_packages()[0]["version"] == 4
    assert (home / "records.sqlite").read_bytes() == before


def test_the_service_goes_on_with_it(home: Path, site: Any) -> None:
    with LocalService(home) as local:
        client = type(site)(local).sagemaker
        packages = client.list_model_packages(ModelPackageGroupName="iris")["ModelPackageSummaryList"]
        assert [entry["ModelPackageVersion"] for entry in packages] == [4]
        made = client.create_model_package(ModelPackageGroupName="iris")
        assert made["ModelPackageArn"].endswith("/iris/5")
        arn = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/iris/execution/abc"
        assert (
            client.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"]
            == "Succeeded"
        )
