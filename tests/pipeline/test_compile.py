"""From the catalogue to the committed definitions."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.compile import CompileError, as_text, build, compare, write
from pipeline.definition import DEFINITIONS, IMAGES_FILE, load, load_images, task_names
from pipeline.lint import lint

# Runs the builder where any look-up or connection ends the process, with one more task in the catalogue.
ANOTHER_TASK = """
import os, runpy, sys
from dataclasses import replace

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        os.write(2, f"{event}{arguments}".encode())
        os._exit(9)

sys.addaudithook(no_network)

from pipeline import tasks
digits = tasks.Task(
    name="ten-digits",
    title="Which digit is this?",
    description="Images of handwritten digits.",
    data_formats=("mnist.pkl.gz",),
    sample="digits",
    problem="multiclass",
    metric="macro_f1",
    min_f1=0.8,
    convert_arguments=("--format", "mnist"),
    content_type=tasks.RECORDIO,
    validation=True,
    candidates=(
        tasks.Candidate(
            "linear-learner",
            "multiclass_classifier",
            {"mini_batch_size": 200, "learning_rate": 0.01, "loss": "softmax_loss"},
            from_dataset=("feature_dim", "num_classes"),
            validation=True,
        ),
        tasks.Candidate("knn", "classifier", {"k": 3, "sample_size": 5000}, input_mode="Pipe"),
    ),
)
tasks.CATALOGUE = {**tasks.CATALOGUE, digits.name: digits}
runpy.run_module("pipeline.build", run_name="__main__")
"""


@pytest.fixture(scope="session")
def built() -> dict[str, Any]:
    """What the SDK makes of the catalogue and one more task, without network and credentials."""
    return build(("-c", ANOTHER_TASK))


@pytest.mark.slow
def test_committed_definitions_are_not_stale(built: dict[str, Any]) -> None:
    documents = {task: built["definitions"][task] for task in task_names()}
    documents[Path(IMAGES_FILE).stem] = built["images"]
    stale = [entry for entry in compare(documents, DEFINITIONS) if not entry.is_current]
    assert not stale, f"run `trainyard compile`: {stale}"


@pytest.mark.slow
def test_building_twice_gives_the_same_bytes(built: dict[str, Any]) -> None:
    # Hashes differ from one process to the next, so an order taken from a set would show.
    again = build(("-c", ANOTHER_TASK))
    assert as_text(again) == as_text(built)


@pytest.mark.slow
def test_another_task_is_one_entry_in_the_catalogue(built: dict[str, Any]) -> None:
    digits = built["definitions"]["ten-digits"]
    assert lint(digits) == []
    types = {entry["Name"]: entry["Type"] for entry in digits["Parameters"]}
    assert types["LinearLearnerLearningRate"] == "Float"
    assert types["LinearLearnerLoss"] == "String"
    assert [step["Name"] for step in digits["Steps"] if step["Type"] == "Training"] == [
        "Train-linear-learner",
        "Train-knn",
    ]


# --- files --------------------------------------------------------------------------------------------


@pytest.fixture
def documents() -> dict[str, Any]:
    return {**{task: load(task) for task in task_names()}, "images": load_images()}


def test_a_changed_file_is_stale_and_says_in_what(tmp_path: Path, documents: dict[str, Any]) -> None:
    write(documents, tmp_path)
    [minimum] = [entry for entry in documents["iris"]["Parameters"] if entry["Name"] == "MinF1"]
    minimum["DefaultValue"] = 0.5
    stale = [entry for entry in compare(documents, tmp_path) if not entry.is_current]
    assert [(entry.path.name, entry.status) for entry in stale] == [("iris.json", "stale")]
    assert [str(change) for change in stale[0].changes] == ["~ Parameters[MinF1].DefaultValue: 0.9 → 0.5"]


def test_another_layout_is_stale_without_a_change_of_content(
    tmp_path: Path, documents: dict[str, Any]
) -> None:
    write(documents, tmp_path)
    (tmp_path / "iris.json").write_text(as_text(documents["iris"]).replace("\n", "\r\n"), newline="")
    stale = [entry for entry in compare(documents, tmp_path) if not entry.is_current]
    assert [(entry.path.name, list(entry.changes)) for entry in stale] == [("iris.json", [])]


def test_missing_and_surplus_files_are_named(tmp_path: Path, documents: dict[str, Any]) -> None:
    write(documents, tmp_path)
    shutil.move(tmp_path / "iris.json", tmp_path / "tulips.json")
    found = {entry.path.name: entry.status for entry in compare(documents, tmp_path)}
    assert found == {
        "digits.json": "current",
        "images.json": "current",
        "iris.json": "new",
        "zero-digit.json": "current",
        "tulips.json": "surplus",
    }


def test_writing_leaves_exactly_the_compiled_files(tmp_path: Path, documents: dict[str, Any]) -> None:
    (tmp_path / "tulips.json").write_text("{}")
    (tmp_path / "iris.json").write_text("not JSON")
    write(documents, tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["digits.json", "images.json", "iris.json", "zero-digit.json"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (DEFINITIONS / path.name).read_bytes()


# --- failures -----------------------------------------------------------------------------------------


def test_without_the_sdk_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sagemaker", None)
    with pytest.raises(CompileError, match=r"not installed.*pip install -r requirements-dev\.txt"):
        build()


def test_what_the_sdk_says_when_it_fails_is_passed_on() -> None:
    with pytest.raises(CompileError, match="no such algorithm"):
        build(("-c", "raise SystemExit('no such algorithm')"))
