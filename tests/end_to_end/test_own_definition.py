"""`run --definition FILE`: a pipeline of the user's own, run by the engine that runs the tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.own_definition import pipeline_name, read_definition

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def step(name: str, code: str, *after: str, **request: Any) -> dict[str, Any]:
    """A processing job that runs Python code."""
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", code]}
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": list(after),
        "Arguments": {"AppSpecification": application, **request},
    }


def written(folder: Path, *steps: dict[str, Any], name: str = "my-pipeline.json", **more: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps, **more}))
    return path


def test_a_definition_of_ones_own_runs_with_its_data_and_is_gone_on_with(
    trainyard: Trainyard, tmp_path: Path
) -> None:
    raw, gate = tmp_path / "numbers.txt", tmp_path / "gate"
    raw.write_text("1 2 3\n")
    source = {
        "S3Uri": {"Get": "Parameters.RawData"},
        "LocalPath": "/opt/ml/processing/input/raw",
        "S3DataType": "S3Prefix",
    }
    code = (
        "import os, sys; from pathlib import Path; ml = Path(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "print(sum(map(int, (ml / 'processing/input/raw/numbers.txt').read_text().split())))"
    )
    definition = written(
        tmp_path,
        step("Add", code, ProcessingInputs=[{"InputName": "raw", "S3Input": source}]),
        step("Pass", f"import os, sys; sys.exit(not os.path.exists({str(gate)!r}))", "Add"),
        Parameters=[{"Name": "RawData", "Type": "String"}],
    )
    done = trainyard("run", "--definition", str(definition), "--data", str(raw), "--json")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["status"]) == (1, "Failed")
    assert Path(summary["report"]).exists()
    gate.touch()
    again = trainyard("run", "--resume", summary["execution"], "--json")
    assert json.loads(again.stdout)["status"] == "Succeeded"
    described = json.loads(trainyard("describe", summary["execution"], "--json").stdout)
    assert described["pipeline"] == "my-pipeline"
    [add] = [entry for entry in described["steps"] if entry["name"] == "Add"]
    assert Path(add["log"]).read_text() == "6\n"


def test_what_cannot_be_meant_is_refused(trainyard: Trainyard, tmp_path: Path) -> None:
    definition = written(tmp_path, step("A", "pass"))
    for arguments, culprits in (
        (("run", "iris", "--definition", str(definition)), ("iris", "my-pipeline.json")),
        (("run", "--definition", str(definition), "--data", str(definition)), ("RawData", "--data")),
        (("run", "--definition", str(definition), "--on", "aws"), ("--definition", "CreatePipeline")),
        (("run", "--definition", str(tmp_path / "none.json")), ("none.json", "No such file")),
    ):
        done = trainyard(*arguments)
        assert done.returncode == 2
        assert all(culprit in done.stderr for culprit in culprits), done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "a list Steps"),
        ('{"Steps": 4}', "a list Steps"),
        ('{"Steps": [{}]}', "lacks 'Type'"),
        ('{"Steps": [{"Name": "A", "Type": "Lambda", "Arguments": {}}]}', "A \\(Lambda\\)"),
        ('{"Steps": [{"Name": "A", "Type": "Fail", "Arguments": {}}], "Parameters": [{}]}', "'Name'"),
    ],
)
def test_a_file_that_holds_no_definition_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(text)
    with pytest.raises(Exception, match=complaint) as raised:
        read_definition(path)
    assert type(raised.value).__name__ in ("UsageError", "DefinitionError")


def test_a_file_whose_name_no_pipeline_can_have_is_refused() -> None:
    assert pipeline_name(Path("a/my-2nd.json")) == "my-2nd"
    for name in ("my pipeline.json", "-a.json", "a-.json", "a_b.json"):
        with pytest.raises(Exception, match="letters, digits and hyphens"):
            pipeline_name(Path(name))


def test_a_run_that_nobody_watches_any_more_goes_on(home: Path, tmp_path: Path) -> None:
    definition = written(tmp_path, step("A", "pass"), step("B", "pass", "A"))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "run", "--definition", str(definition), "--json"],
        env={**os.environ, "TRAINYARD_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=writer,
        check=False,
    )
    os.close(writer)
    assert json.loads(done.stdout)["status"] == "Succeeded"
