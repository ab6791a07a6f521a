"""Bad input through the command line: one clear line, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one line that says why, having checked the manner in which it is said."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("trainyard: ")
    return last


def test_an_unknown_task_is_named_with_its_neighbours(trainyard: Trainyard) -> None:
    line = complaint(trainyard("run", "irsi"), 2)
    assert "irsi" in line
    assert "iris" in line


def test_an_unknown_parameter_is_named_with_the_nearest(trainyard: Trainyard) -> None:
    line = complaint(trainyard("run", "iris", "--set", "MinF=0.9"), 2)
    assert "MinF" in line
    assert "MinF1" in line


@pytest.mark.parametrize(
    ("setting", "culprits"),
    [
        ("MinF1=high", ["MinF1", "high"]),
        ("KnnK=2.5", ["KnnK", "2.5"]),
        ("ApprovalStatus=Maybe", ["ApprovalStatus", "Maybe", "PendingManualApproval"]),
        ("MinF1", ["MinF1", "PARAMETER=VALUE"]),
    ],
)
def test_a_wrong_parameter_names_the_value_and_the_cure(
    trainyard: Trainyard, setting: str, culprits: list[str]
) -> None:
    line = complaint(trainyard("run", "iris", "--set", setting), 2)
    assert all(culprit in line for culprit in culprits), line


def test_missing_data_is_named(trainyard: Trainyard, tmp_path: Path) -> None:
    line = complaint(trainyard("run", "iris", "--data", str(tmp_path / "nowhere.csv")), 2)
    assert "nowhere.csv" in line


def test_an_unknown_execution_is_named(trainyard: Trainyard) -> None:
    assert "abcdefghijkl" in complaint(trainyard("describe", "abcdefghijkl"), 2)


@pytest.mark.parametrize("where", ["a file", "below a file", "garbage"])
def test_an_unusable_state_directory_is_named(command: Trainyard, tmp_path: Path, where: str) -> None:
    home = tmp_path / "state"
    if where == "garbage":
        home.mkdir()
        (home / "records.sqlite").write_text("garbage")
    else:
        home.touch()
    place = home / "deeper" if where == "below a file" else home
    assert str(home) in complaint(command(place, "run", "iris"), 2)


def test_output_that_cannot_be_written_is_said(command: Trainyard, home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "tasks"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "trainyard: standard output: No space left on device\n"


@pytest.mark.parametrize("uri", ["s3://nowhere/x", "/tmp/iris.csv"])
def test_raw_data_that_is_not_there_is_refused_before_the_run(trainyard: Trainyard, uri: str) -> None:
    assert uri in complaint(trainyard("run", "iris", "--set", f"RawData={uri}"), 2)
    assert json.loads(trainyard("executions", "--json").stdout) == []


@pytest.mark.slow
def test_only_the_files_of_the_data_folder_itself_are_taken(command: Trainyard, tmp_path: Path) -> None:
    """Not the state directory below it, which would grow with every run; links are followed."""
    (tmp_path / "elsewhere.csv").write_text("\n".join(iris_lines()) + "\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / "iris.csv").symlink_to(tmp_path / "elsewhere.csv")
    home = project / ".trainyard"
    first = command(home, "run", "iris", "--data", ".", "--json", "--set", "MinF1=0", cwd=project)
    assert first.returncode == 0, first.stderr
    second = command(home, "run", "iris", "--data", ".", "--json", "--set", "MinF1=0", cwd=project)
    cached = {step["name"]: step["cached"] for step in json.loads(second.stdout)["steps"]}
    assert cached["Convert"]


def iris_lines() -> list[str]:
    return ["Sepal.Length,Sepal.Width,Petal.Length,Petal.Width,Species"] + [
        f"{5 + i % 3},3.{i % 10},1.{i % 7},0.{i % 5},{('setosa', 'versicolor', 'virginica')[i % 3]}"
        for i in range(60)
    ]


BAD_CSV = {
    "missing label": (lambda lines: [line.rpartition(",")[0] for line in lines], ["Species"]),
    "missing feature": (lambda lines: [line.partition(",")[2] for line in lines], ["Sepal.Length"]),
    "non-number": (lambda lines: [*lines[:5], "5.1,wide,1.4,0.2,setosa", *lines[6:]], ["wide", "6"]),
    "unknown species": (lambda lines: [*lines[:5], "5.1,3.5,1.4,0.2,rosa", *lines[6:]], ["rosa", "6"]),
    "ragged row": (lambda lines: [*lines[:5], "5.1,3.5,setosa", *lines[6:]], ["6"]),
    "not a number": (lambda lines: [*lines[:5], "5.1,nan,1.4,0.2,setosa", *lines[6:]], ["nan", "6"]),
    "infinity": (lambda lines: [*lines[:5], "5.1,inf,1.4,0.2,setosa", *lines[6:]], ["inf", "6"]),
    "too few rows": (lambda lines: lines[:2], ["row"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_CSV)
def test_a_bad_csv_names_row_and_value(trainyard: Trainyard, tmp_path: Path, name: str) -> None:
    spoil, culprits = BAD_CSV[name]
    path = tmp_path / "iris.csv"
    path.write_text("\n".join(spoil(iris_lines())) + "\n")
    line = complaint(trainyard("run", "iris", "--data", str(path)), 2)
    assert all(culprit in line for culprit in culprits), line
    assert str(path) in line, "the file as the user named it"


@pytest.mark.slow
@pytest.mark.parametrize("task", ["iris", "digits"])
def test_two_classes_are_refused_before_training_by_a_task_for_three(
    trainyard: Trainyard, tmp_path: Path, task: str
) -> None:
    data, schema = tmp_path / "table.csv", tmp_path / "table.json"
    data.write_text("size,ill\n" + "".join(f"{row},{'Yes' if row % 3 else 'no'}\n" for row in range(60)))
    types = {"size": "NUMERIC", "ill": "BINARY"}
    attributes = [{"attributeName": name, "attributeType": kind} for name, kind in types.items()]
    schema.write_text(
        json.dumps({"targetAttributeName": "ill", "dataFileContainsHeader": True, "attributes": attributes})
    )
    done = trainyard("run", task, "--data", str(data), "--schema", str(schema), "--json")
    line = complaint(done, 2)
    assert f"{data}: the target 'ill' has 2 classes, no, yes, but the task is for 3 or more" in line
    assert "run a task of your own for two (docs/data.md)" in line
    statuses = {step["name"]: step["status"] for step in json.loads(done.stdout)["steps"]}
    assert statuses == {"Convert": "Failed"}


class Hostile:
    """Runs a command when an ordinary unpickler reads it."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, (f"touch {self.marker}",)


@pytest.mark.slow
def test_a_hostile_pickle_is_refused_and_not_executed(trainyard: Trainyard, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(Hostile(marker), protocol=2)))
    line = complaint(trainyard("run", "zero-digit", "--data", str(path)), 2)
    assert "system" in line
    assert not marker.exists()


@pytest.mark.slow
def test_a_truncated_pickle_is_refused(trainyard: Trainyard, tmp_path: Path, mnist_path: Path) -> None:
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(mnist_path.read_bytes()[:1_000_000])
    assert "mnist.pkl.gz" in complaint(trainyard("run", "zero-digit", "--data", str(path)), 2)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "culprit"), [("KnnK=0", "k"), ("LinearLearnerEpochs=-1", "epochs")])
def test_an_out_of_range_hyperparameter_fails_the_job_as_the_service_does(
    trainyard: Trainyard, setting: str, culprit: str
) -> None:
    done = trainyard("run", "iris", "--set", setting, "--json")
    line = complaint(done, 1)
    assert culprit in line
    assert setting.partition("=")[2] in line
    result = json.loads(done.stdout)
    assert result["status"] == "Failed"
    assert {"Convert", "Succeeded"} <= {word for step in result["steps"] for word in step.values() if word}
