"""The command line itself: what it lists, how it refuses, and what it does not load."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from cli.main import COMMANDS, main
from cli.samples import IRIS_HEADER, SAMPLES, write_sample
from pipeline.tasks import CATALOGUE

HEAVY = {"numpy", "scipy", "sklearn", "faiss", "botocore", "boto3", "sagemaker", "aws_cdk", "rich", "uvicorn"}


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def modules_after(program: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after `program`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    program = "import cli.main\ntry: cli.main.main(['--help'])\nexcept SystemExit: pass"
    assert not modules_after(program) & HEAVY


def test_listing_loads_no_sdk_and_no_numbers() -> None:
    assert not modules_after("import cli.main; cli.main.main(['executions'])") & (HEAVY - {"rich"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"trainyard {command}" in capsys.readouterr().out


def test_tasks_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks"]) == 0
    shown = capsys.readouterr().out
    for task in CATALOGUE.values():
        assert task.name in shown
        assert all(candidate.name in shown for candidate in task.candidates)


def test_tasks_as_json_names_what_can_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    [iris] = [task for task in json.loads(capsys.readouterr().out) if task["name"] == "iris"]
    assert {"MinF1", "ApprovalStatus", "RawData", "KnnK"} <= {entry["Name"] for entry in iris["parameters"]}


@pytest.mark.parametrize("command", ["executions", "models"])
def test_an_empty_state_directory_reads_as_empty(
    command: str, capsys: pytest.CaptureFixture[str], state_directory: Path
) -> None:
    assert main([command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not state_directory.exists(), "reading made something"


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["run"], "TASK"),
        (["run", "nosuch"], "nosuch"),
        (["models", "irsi"], "did you mean 'iris'"),
        (["run", "iris", "--set", "KnnK=one"], "KnnK"),
        (["run", "iris", "--set", "KnnK=1", "--set", "KnnK=2"], "twice"),
        (["run", "iris", "--data", "/no/such/file"], "/no/such/file"),
        (["run", "iris", "--resume", "abcdefghijkl", "--set", "KnnK=1"], "--set"),
        (["run", "--resume", "abcdefghijkl"], "abcdefghijkl"),
        (["describe", "abcdefghijkl"], "abcdefghijkl"),
        (["report", "abcdefghijkl"], "abcdefghijkl"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], culprit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    complaint = capsys.readouterr().err.strip()
    assert complaint.startswith("trainyard: ")
    assert "\n" not in complaint
    assert culprit in complaint


def test_an_unknown_command_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rum"])
    assert ended.value.code == 2
    assert "rum" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--bogus"], ["--fold"], ["surplus"]])
def test_a_mistyped_option_shows_the_command_s_own_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "iris", *arguments])
    assert ended.value.code == 2
    usage = capsys.readouterr().err
    assert usage.startswith("usage: trainyard run ")
    assert "--resume EXECUTION" in usage
    assert "trainyard run: error: " in usage


def test_an_interrupt_while_a_command_is_loaded_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.main.import_module", interrupted)
    assert main(["run", "iris"]) == 130
    assert capsys.readouterr().err == "trainyard: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["cost", "iris", "--live-prices"], "Unable to locate credentials; name a profile in AWS_PROFILE"),
        (["report", "x", "--on", "aws"], "You must specify a region; name one in AWS_DEFAULT_REGION"),
    ],
)
def test_what_aws_lacks_is_told_with_the_way_to_get_it(
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"trainyard: {line}")


def test_the_iris_sample_is_the_published_file(tmp_path: Path) -> None:
    """150 flowers, 50 a species, header and first row as published."""
    lines = (write_sample("iris", tmp_path) / "iris.csv").read_text().splitlines()
    assert lines[0] == ",".join(IRIS_HEADER)
    assert lines[1] == "5.1,3.5,1.4,0.2,setosa"
    species = [line.rpartition(",")[2] for line in lines[1:]]
    assert {name: species.count(name) for name in set(species)} == {
        "setosa": 50,
        "versicolor": 50,
        "virginica": 50,
    }


def test_samples_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (write_sample("digits", tmp_path / name) for name in ("a", "b"))
    files = sorted(path.name for path in first.iterdir())
    assert len(files) == 4
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_a_sample_that_is_interrupted_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "iris.csv").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setitem(SAMPLES, "iris", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_sample("iris", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("terminal", "answer", "shown"),
    [
        (True, b"{}", b"{}\n"),
        (True, b"{}\n", b"{}\n"),
        (False, b"{}", b"{}"),
        (False, b"\x0a\x23", b"\x0a\x23"),
    ],
)
def test_an_answer_ends_its_line_on_a_terminal_and_is_as_it_came_elsewhere(
    terminal: bool,
    answer: bytes,
    shown: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    (tmp_path / "rows.csv").write_text("1")
    monkeypatch.setattr("cli.client.connect", lambda on, endpoints: nullcontext())
    monkeypatch.setattr("cli.invoke.request", lambda *arguments: answer)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert main(["invoke", "iris", "--file", str(tmp_path / "rows.csv")]) == 0
    assert capsysbinary.readouterr().out == shown


def test_base_requirements_hold_neither_the_sdk_nor_the_cdk(repository: Path) -> None:
    """`make run` installs requirements.txt, each package pinned and hashed."""
    text = (repository / "requirements.txt").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE))
    assert "numpy" in names
    assert not {name for name in names if "sagemaker" in name or "cdk" in name or name in ("torch", "pandas")}
    assert text.count("--hash=sha256:") >= len(names)
