"""Outputs appear whole or not at all, and a failure is one line where SageMaker looks for it."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processing.container import InputError, OutputError, visible_files, whole_file, write_json

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPOSITORY / "processing").rglob("*.py"))
IMAGE = {"numpy", "scipy", "pandas", "sklearn", "processing", *sys.stdlib_module_names}
"""What SageMaker's scikit-learn image offers to a job, which has no internet."""

Failure = Callable[..., str]


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "train" / "train.pbr"
    with whole_file(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "train.pbr"
    path.write_bytes(b"old")
    with contextlib.suppress(ZeroDivisionError), whole_file(path) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_job_leaves_nothing_half_written(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, processing.container as container\n"
        "with container.whole_file(pathlib.Path('train.pbr')) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    killed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False)
    assert killed.returncode == -9
    assert visible_files_of(tmp_path) == []
    with whole_file(tmp_path / "train.pbr") as file:
        file.write(b"whole")
    assert visible_files_of(tmp_path) == ["train.pbr"]
    assert [path.name for path in tmp_path.iterdir()] == ["train.pbr"]


def visible_files_of(folder: Path) -> list[str]:
    """The names that a reader of the channel takes into account."""
    try:
        return [path.name for path in visible_files(folder, "the channel")]
    except InputError:
        return []


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match=r"output/evaluation\.json: cannot be written: "):
        write_json(tmp_path / "output" / "evaluation.json", {})


def test_an_input_that_cannot_be_read_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    def job() -> None:
        with whole_file(tmp_path / "output.csv") as file:
            file.write(b"half")
            tmp_path.read_bytes()

    with pytest.raises(IsADirectoryError) as refused:
        job()
    assert refused.value.filename == str(tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_two_outputs_the_one_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    def job() -> None:
        with whole_file(tmp_path / "outer"), whole_file(tmp_path / "inner") as inner:
            with Path("/dev/full").open("wb") as full:
                os.dup2(full.fileno(), inner.fileno())
            inner.write(b"x" * 100_000)

    with pytest.raises(OutputError, match=r"inner: no space left on the device") as refused:
        job()
    assert "outer" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_no_output_holds_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "evaluation.json", {"value": float("nan")})


def test_our_own_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from processing.container import run

    def faulty(arguments: Any, processing: Path) -> None:
        raise KeyError("fault")

    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    with pytest.raises(KeyError):
        run(faulty)
    assert (tmp_path / "output" / "message").read_text() == "unexpected KeyError: 'fault'"


def test_memory_that_runs_out_is_told(failure: Failure) -> None:
    def greedy(arguments: Any, processing: Path) -> None:
        raise MemoryError

    assert "out of memory: use an instance type with more memory" in failure(greedy, code=1)


def test_an_unreadable_input_is_named(failure: Failure) -> None:
    def reading(arguments: Any, processing: Path) -> None:
        processing.mkdir()
        processing.read_bytes()

    assert "processing: Is a directory" in failure(reading, code=1)


def test_the_message_is_one_line(failure: Failure) -> None:
    def talkative(arguments: Any, processing: Path) -> None:
        raise InputError("two\nlines, \udce9")

    assert failure(talkative) == "two lines, \\udce9"


def test_the_base_directory_is_opt_ml_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from processing.container import processing_directory

    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    assert processing_directory() == Path("/opt/ml/processing")


@pytest.mark.slow
def test_a_file_beyond_the_limit_is_a_clear_line(new_job: Callable[[str], Any], iris_csv: str) -> None:
    job = new_job("limited")
    job.put("raw/iris.csv", iris_csv)
    done = job.run(
        "data_conversion", "--format", "csv", "--label-column", "Species",
        "--classes", "setosa,versicolor,virginica", limit="ulimit -f 1",
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "train/train.pbr: the file would be too large" in job.message
    assert not [path for path in job.output.rglob("*") if path.is_file()]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; mounting one takes root."""
    path = tmp_path / "tiny"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tiny tmpfs is not permitted here")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_a_clear_line(tiny_disk: Path) -> None:
    content = {"rows": "x" * 200_000}
    with pytest.raises(OutputError, match=r"evaluation\.json: no space left on the device .*; free some"):
        write_json(tiny_disk / "evaluation.json", content)
    assert not list(tiny_disk.iterdir())
    write_json(tiny_disk / "evaluation.json", {"rows": 1})
    assert json.loads((tiny_disk / "evaluation.json").read_text()) == {"rows": 1}


def types(attempt: ast.Try) -> list[ast.expr | None]:
    return [handler.type for handler in attempt.handlers]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_file_runs_in_the_image(source: Path) -> None:
    """Python 3.10's syntax, and only what SageMaker's scikit-learn image has, but for what it can spare."""
    tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 10))
    spared = {
        node
        for attempt in ast.walk(tree)
        if isinstance(attempt, ast.Try) and "ImportError" in map(ast.unparse, filter(None, types(attempt)))
        for node in attempt.body
    }
    for node in set(ast.walk(tree)) - spared:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [node.module or ""]
        else:
            continue
        assert {name.split(".")[0] for name in names} <= IMAGE


def test_no_file_bears_a_standard_library_name() -> None:
    """A script's folder is the first place that Python looks for modules."""
    assert not {path.stem for path in SOURCES} & (sys.stdlib_module_names - {"__init__"})


@pytest.mark.parametrize(
    "module", ["processing.data_inspection", "processing.data_conversion", "processing.evaluation"]
)
def test_no_job_spends_a_second_on_loading_scikit_learn(module: str) -> None:
    program = f"import sys, {module}; sys.exit('sklearn' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
