"""What a rehearsal tells: a line for each check, and a sentence for the one that does not hold."""

from __future__ import annotations

import pytest

from rehearsal.leftovers import check
from rehearsal.report import CheckError, Report


def test_a_check_that_holds_is_a_line_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    with report.part("the part"):
        report.check(holds=True, what="the sky is blue")
    report.summary()
    told = capsys.readouterr().out
    assert "ok  the sky is blue" in told
    assert "the part" in told
    assert "1 checks passed" in told


def test_one_that_does_not_hold_says_what_was_found() -> None:
    with pytest.raises(CheckError, match="not so: the sky is blue; found: grey"):
        Report().check(holds=False, what="the sky is blue", found="grey")


def test_what_a_deployment_leaves_behind_is_named() -> None:
    before = {"role CDKToolkit", "VPC default"}
    with pytest.raises(CheckError, match="file system fs-1; role forgotten"):
        check(Report(), before, {*before, "role forgotten", "file system fs-1"})


def test_models_of_executions_are_history(capsys: pytest.CaptureFixture[str]) -> None:
    check(Report(), set(), {"model pipelines-abc-CreateModel-knn"})
    assert "1 models of executions stay" in capsys.readouterr().out
