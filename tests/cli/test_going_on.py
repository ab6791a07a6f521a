"""How an interrupted run goes on, and which execution a run may go on with."""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.errors import UsageError
from cli.main import main
from cli.run import _check_task, _way_on
from local.api.address import announce
from local.errors import BusyError
from local.state import open_state

ARN = "arn:aws:sagemaker:us-east-1:000000000000:pipeline/dev-iris/execution/abcdefghijkl"


@pytest.mark.parametrize(
    ("options", "before", "newest", "said"),
    [
        ({}, None, None, []),
        ({}, "old", "old", []),
        ({}, "old", "new", ["go on with: trainyard run --resume new"]),
        ({"resume": "old"}, "newer", "newer", ["go on with: trainyard run --resume old"]),
        ({"folds": 3}, "old", "old", []),
        (
            {"folds": 3},
            "old",
            "fold",
            ["give the same command again: what is done comes from the step cache"],
        ),
    ],
)
def test_an_interrupted_run_is_told_how_to_go_on_where_it_had_begun(
    options: dict[str, object], before: str | None, newest: str | None, said: list[str]
) -> None:
    assert _way_on(Namespace(**{"resume": None, "folds": None, **options}), before, newest) == said


@pytest.mark.parametrize("pipeline", ["digits", "my-zero-digits", "iriss"])
def test_an_execution_of_another_task_is_not_resumed(pipeline: str) -> None:
    options = Namespace(task="iris", resume="E")
    with pytest.raises(UsageError, match=f"--resume E: it is an execution of {pipeline}, not of iris"):
        _check_task(options, pipeline)
    _check_task(options, "iris")
    _check_task(options, "dev-iris")
    _check_task(Namespace(task=None, resume="E"), pipeline)


def through_the_api(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[str]:
    """Commands talk to a service that starts nothing; the list gets what was tried again."""
    retried: list[str] = []

    def retry(PipelineExecutionArn: str) -> None:
        retried.append(PipelineExecutionArn)

    service = SimpleNamespace(sagemaker=SimpleNamespace(retry_pipeline_execution=retry))

    def connect(on: str) -> AbstractContextManager[SimpleNamespace]:
        return nullcontext(service)

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("TRAINYARD_HOME", str(home))
    monkeypatch.setattr("cli.client.connect", connect)
    monkeypatch.setattr("cli.remote_run.follow", interrupted)
    return retried


def test_who_stops_following_a_run_elsewhere_is_told_how_to_follow_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retried = through_the_api(monkeypatch, tmp_path)
    assert main(["run", "iris", "--resume", ARN, "--on", "aws"]) == 130
    told = capsys.readouterr().err
    way = "it goes on; follow it with: trainyard wait abcdefghijkl --on aws"
    assert told == f"trainyard: interrupted; {way}\n"
    assert retried == [ARN]


def test_an_execution_elsewhere_is_of_the_task_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    retried = through_the_api(monkeypatch, tmp_path)
    assert main(["run", "digits", "--resume", ARN, "--on", "aws"]) == 2
    assert "it is an execution of dev-iris, not of digits" in capsys.readouterr().err
    assert not retried


@pytest.mark.parametrize(
    ("served", "told"),
    [
        (False, "is in use by a run in process {}; wait for it, or name another"),
        (True, "is in use by a run in process {} of `trainyard up`; stop that one"),
    ],
    ids=["by a run", "by the service"],
)
def test_who_holds_the_state_directory_is_told(tmp_path: Path, served: bool, told: str) -> None:
    with open_state(tmp_path, write=True):
        if served:
            announce(tmp_path, "http://127.0.0.1:1")
        with pytest.raises(BusyError, match=told.format(os.getpid())):
            open_state(tmp_path, write=True)
