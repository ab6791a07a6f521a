"""Processing jobs as users meet them: a base directory with inputs, a process, outputs and a message."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
Body = Callable[[Sequence[str], Path], None]


@dataclass(frozen=True)
class Job:
    """One processing job's `/opt/ml`."""

    base: Path

    @property
    def input(self) -> Path:
        return self.base / "processing" / "input"

    @property
    def output(self) -> Path:
        return self.base / "processing" / "output"

    @property
    def message(self) -> str:
        return (self.base / "output" / "message").read_text(encoding="utf-8")

    def put(self, relative: str, content: bytes | str) -> Path:
        """Lay an input file below `processing/input`."""
        path = self.input / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def mount(self, name: str, source: Path) -> None:
        """Mount another job's output folder as the input `name`."""
        (self.input / name).parent.mkdir(parents=True, exist_ok=True)
        (self.input / name).symlink_to(source, target_is_directory=True)

    def run(self, module: str, *arguments: str, limit: str = "") -> subprocess.CompletedProcess[str]:
        """Run `python -m processing.MODULE` as the container does, in a process of its own."""
        command = [sys.executable, "-m", f"processing.{module}", *arguments]
        if limit:
            command = ["sh", "-c", f'{limit} && exec "$@"', "sh", *command]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SAGEMAKER_BASE_DIR": str(self.base)}
        return subprocess.run(
            command, env=environment, cwd=self.base, capture_output=True, text=True, check=False
        )

    def program(self, text: str, *arguments: str) -> int:
        """Run a program in the job's environment to success, and return the number it prints last."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SAGEMAKER_BASE_DIR": str(self.base)}
        command = [sys.executable, "-c", text, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1])

    def succeed(self, module: str, *arguments: str) -> None:
        """Run, and expect success."""
        done = self.run(module, *arguments)
        assert done.returncode == 0, done.stderr

    def json(self, relative: str) -> dict[str, Any]:
        """Read a JSON output; NaN and infinity, which are no JSON, are refused."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{relative} holds {name}")

        text = (self.output / relative).read_text(encoding="utf-8")
        content: dict[str, Any] = json.loads(text, parse_constant=refuse)
        return content


@pytest.fixture
def new_job(tmp_path: Path) -> Callable[[str], Job]:
    """A job with a base directory of its own, by name."""

    def make(name: str) -> Job:
        base = tmp_path / name
        base.mkdir()
        return Job(base)

    return make


@pytest.fixture
def job(new_job: Callable[[str], Job]) -> Job:
    return new_job("job")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a job's body within this process, which spares the start of another, and give its exit code."""

    def run_here(job: Job, body: Body, *arguments: str) -> int:
        from processing.container import run

        monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(job.base))
        monkeypatch.setattr(sys, "argv", ["job", *arguments])
        return run(body)

    return run_here


@pytest.fixture
def failure(job: Job, here: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a job's body that must refuse its input (exit code 2), and give the message it left.

    `code=1`: it must fail for another reason than its input.
    """

    def message(body: Body, *arguments: str, code: int = 2) -> str:
        assert here(job, body, *arguments) == code
        stderr = capsys.readouterr().err
        assert "Traceback" not in stderr
        assert stderr.splitlines()[-1] == job.message
        return job.message

    return message


@pytest.fixture(scope="session")
def iris_csv() -> str:
    """scikit-learn's iris, written as the CSV that is published."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    rows = [
        ",".join([*(str(value) for value in features), str(iris.target_names[label])])
        for features, label in zip(iris.data, iris.target, strict=True)
    ]
    return "\n".join(["Sepal.Length,Sepal.Width,Petal.Length,Petal.Width,Species", *rows]) + "\n"


@pytest.fixture(scope="session")
def digits_idx() -> dict[str, bytes]:
    """scikit-learn's 8 x 8 digits as the four IDX files: the last 297 are the test images."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images * (255 / 16)).round().astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    return {
        "train-images-idx3-ubyte": idx_bytes(images[:1500]),
        "train-labels-idx1-ubyte": idx_bytes(labels[:1500]),
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images[1500:])),
        "t10k-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels[1500:])),
    }


def idx_bytes(values: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    shape = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture(scope="session")
def idx() -> Callable[..., bytes]:
    """An array of bytes as an IDX file."""
    return idx_bytes


@pytest.fixture(scope="session")
def dataset_json() -> Callable[..., str]:
    """A `dataset.json` for hand-made channels."""

    def make(features: int, class_names: Sequence[str], image_shape: list[int] | None = None) -> str:
        return json.dumps(
            {
                "hyperparameters": {"feature_dim": str(features), "num_classes": str(len(class_names))},
                "rows": {"train": 1, "test": 1},
                "class_names": list(class_names),
                "feature_names": [f"f{index}" for index in range(features)],
                "image_shape": image_shape,
                "content_type": "text/csv",
                "source": {"files": ["hand.csv"], "format": "csv"},
            }
        )

    return make
