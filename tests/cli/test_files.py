"""Files that a command cannot use, or would spoil: refused by option, name and reason before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cli import jobs
from cli.batch import Prepared, write_predictions
from cli.errors import JobFailedError, UsageError
from cli.main import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that this user may not read; root may, so it is the question that is answered otherwise."""
    path = tmp_path / "secret.csv"
    path.write_text("label,a\n0,1\n")
    access = os.access
    monkeypatch.setattr(os, "access", lambda file, mode: file != path and access(file, mode))
    return path


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    assert main(arguments) == code
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("trainyard: ")
    return line


@pytest.mark.parametrize("kind", ["the file itself", "a link to it"])
@pytest.mark.parametrize("option", ["--data", "--schema"])
@pytest.mark.parametrize("more", [[], ["--live"]], ids=["job", "live"])
def test_predictions_do_not_overwrite_what_they_are_made_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, option: str, more: list[str]
) -> None:
    files = {name: tmp_path / name for name in ("--data", "--schema")}
    for file in files.values():
        file.write_text("mine")
    output = files[option]
    if kind == "a link to it":
        output = tmp_path / "link"
        output.symlink_to(files[option])
    given = [argument for name, file in files.items() for argument in (name, str(file))]
    line = complaint(capsys, "predict", "iris", *given, "--output", str(output), *more)
    assert f"--output {output} is the file of {option}, which it would overwrite" in line
    assert all(file.read_text() == "mine" for file in files.values())


@pytest.mark.parametrize(
    "arguments",
    [
        ["schema", "{file}"],
        ["predict", "iris", "--data", "{file}", "--output", "out.csv"],
        ["predict", "iris", "--data", "{here}", "--schema", "{file}", "--output", "out.csv"],
        ["run", "digits", "--data", "{here}", "--schema", "{file}"],
        ["run", "digits", "--data", "{here}", "--recipe", "{file}"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, secret: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    for file, reason in (
        (secret, "not readable by this user"),
        (tmp_path, "it is a folder; name a file"),
        (tmp_path / "nowhere.csv", "no such file"),
    ):
        line = complaint(capsys, *(argument.format(file=file, here=__file__) for argument in arguments))
        assert f"{file}: {reason}" in line


def test_predictions_go_to_a_file_and_not_to_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(capsys, "predict", "iris", "--data", __file__, "--output", str(tmp_path))
    assert f"--output {tmp_path}: it is a folder" in line


def test_a_job_without_room_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train.csv"
    file.write_text("label,a\n0,1\n")

    def full(*_: Any, **__: Any) -> Path:
        raise JobFailedError("schema.json: no space left on the device")

    monkeypatch.setattr(jobs, "run_job", full)
    assert "no space left" in complaint(capsys, "schema", str(file), code=1)


def test_a_job_s_failure_is_told_by_its_last_line(tmp_path: Path) -> None:
    rows = tmp_path / "batch_input" / "processing" / "output" / "rows"
    rows.mkdir(parents=True)
    (rows / "rows.json").write_text('{"rows": 1, "class_names": ["a"]}')
    (rows / "row_ids.csv").mkdir()
    answers = tmp_path / "answers"
    answers.mkdir()
    prepared = Prepared(tmp_path / "x", "text/csv", "Line", 1, tmp_path)
    with pytest.raises(JobFailedError, match=r"^/opt/ml/processing/input/rows/row_ids.csv: Is a directory$"):
        write_predictions(prepared, answers, tmp_path / "out.csv")


def test_a_job_names_the_file_as_the_user_does(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("a,a\n1,2\n")
    with pytest.raises(UsageError, match=rf"^{file}: the column 'a' is there twice"):
        jobs.run_job("schema_inference", tmp_path / "job", {"raw": {"mine.csv": file}})
