"""A yard: a state directory, a container that does what it is told, and small compiled definitions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.containers import Container
from local.control import Control
from local.events import Event
from local.executor import resume, run
from local.state import State, open_state

CONTAINER = r"""
import json, os, signal, sys, time
from pathlib import Path

base = Path(os.environ["SAGEMAKER_BASE_DIR"])

def train():
    hyper = json.loads((base / "input/config/hyperparameters.json").read_text())
    channels = json.loads((base / "input/config/inputdataconfig.json").read_text())
    seen = {}
    for name, config in channels.items():
        data = base / "input/data"
        if config["TrainingInputMode"] == "Pipe":
            epochs = range(int(hyper.get("epochs", 1)))
            seen[name] = [(data / f"{name}_{epoch}").read_bytes().decode() for epoch in epochs]
        else:
            files = [path for path in sorted((data / name).rglob("*")) if path.is_file()]
            seen[name] = {path.relative_to(data / name).as_posix(): path.read_text() for path in files}
    exec(hyper.get("code", ""))
    print("#quality_metric: host=algo-1, epoch=0, train binary_classification_accuracy <score>=0.5")
    print("#quality_metric: host=algo-1, epoch=1, train binary_classification_accuracy <score>=0.75")
    print("#test_score (algo-1) : ('binary_f_1.000', 0.9956)")
    model = {"seen": seen, "hyper": hyper, "env": dict(os.environ)}
    (base / "model/model_algo-1").write_text(json.dumps(model))

def serve():
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    mode = os.environ.get("MODE", "")
    if mode == "never":
        sys.exit("cannot load the model")
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def do_GET(self):
            if self.path == "/execution-parameters":
                said = os.environ.get("PARAMETERS", "")
                return self.answer(200 if said else 404, said.encode())
            self.answer(200, b"")
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if mode == "refuse" or b"bad" in body:
                return self.answer(400, b"row 1 has 3 columns, 4 are wanted")
            if mode == "break":
                os.kill(os.getpid(), signal.SIGKILL)
            lines = body.decode().splitlines()
            self.answer(200, "".join(f"{len(lines)}:{line}\n" for line in lines).encode())
        def log_message(self, *args): pass
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()

{"train": train, "serve": serve}[sys.argv[1]]()
"""

TOY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"


class Yard:
    """A state directory with a toy container, and what it takes to run definitions in it."""

    def __init__(self, home: Path, container: Path):
        self.home = home
        command = ("python3", str(container))
        self.containers = {"toy": Container((*command, "train"), (*command, "serve"), processing=True)}
        self.events: list[Event] = []

    def open(self, *, write: bool = True) -> State:
        return open_state(self.home, write=write)

    def run(self, definition: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Run a definition in a state directory that is opened for it; return what `describe` says."""
        options.setdefault("pipeline_name", "toys")
        with self.open() as state:
            execution = run(
                state, definition, on_event=self.events.append, containers=self.containers, **options
            )
            return state.describe(execution)

    def resume(self, execution: str, control: Control | None = None) -> dict[str, Any]:
        with self.open() as state:
            resume(state, execution, on_event=self.events.append, containers=self.containers, control=control)
            return state.describe(execution)

    def put(self, uri: str, text: str) -> str:
        with self.open() as state:
            state.objects.put_bytes(text.encode(), uri)
        return uri

    def read(self, uri: str) -> str:
        with self.open(write=False) as state:
            return state.objects.read(uri).decode()


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    container = tmp_path / "container.py"
    container.write_text(CONTAINER)
    return Yard(tmp_path / "home", container)


@pytest.fixture
def step_of() -> Callable[[dict[str, Any], str], dict[str, Any]]:
    return lambda described, name: next(step for step in described["steps"] if step["name"] == name)


class Build:
    """Steps in the form in which the SDK compiles them."""

    image = TOY

    def definition(
        self, *steps: dict[str, Any], parameters: tuple[dict[str, Any], ...] = ()
    ) -> dict[str, Any]:
        return {"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)}

    def processing(
        self,
        name: str,
        code: str,
        *,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        arguments: tuple[Any, ...] = (),
        files: dict[str, tuple[str, str]] | None = None,
        seconds: int = 60,
        **more: Any,
    ) -> dict[str, Any]:
        """A step that runs Python `code`, in which `ml` is the root and `arguments` are the arguments."""
        head = "import os, sys, json, time, signal; from pathlib import Path; "
        body = head + "ml = Path(os.environ['SAGEMAKER_BASE_DIR']); arguments = sys.argv[1:]\n" + code
        request = {
            "AppSpecification": {
                "ImageUri": self.image,
                "ContainerEntrypoint": ["python3", "-c", body],
                "ContainerArguments": list(arguments),
            },
            "ProcessingInputs": [
                {
                    "InputName": key,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/input/{key}",
                        "S3DataType": "S3Prefix",
                    },
                }
                for key, uri in (inputs or {}).items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": key,
                        "S3Output": {
                            "S3Uri": uri,
                            "LocalPath": f"/opt/ml/processing/output/{key}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for key, uri in (outputs or {}).items()
                ]
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
            **more.pop("request", {}),
        }
        declared = [
            {"PropertyFileName": key, "OutputName": output, "FilePath": path}
            for key, (output, path) in (files or {}).items()
        ]
        return {"Name": name, "Type": "Processing", "Arguments": request, "PropertyFiles": declared, **more}

    def training(
        self, name: str, *, data: Any, hyper: dict[str, Any] | None = None, mode: str = "File", **more: Any
    ) -> dict[str, Any]:
        request = {
            "AlgorithmSpecification": {"TrainingImage": self.image, "TrainingInputMode": mode},
            "HyperParameters": hyper or {},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "ContentType": "text/csv",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
                }
            ],
            "OutputDataConfig": {"S3OutputPath": self.below(name)},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **more.pop("request", {}),
        }
        return {"Name": name, "Type": "Training", "Arguments": request, **more}

    def model(
        self, name: str, training: str, environment: dict[str, str] | None = None, **request: Any
    ) -> dict[str, Any]:
        container = {
            "Image": self.image,
            "ModelDataUrl": {"Get": f"Steps.{training}.ModelArtifacts.S3ModelArtifacts"},
            "Environment": environment or {},
        }
        return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": container, **request}}

    def transform(
        self, name: str, model: str, data: Any, *, split: str = "Line", **more: Any
    ) -> dict[str, Any]:
        request = {
            "ModelName": {"Get": f"Steps.{model}.ModelName"},
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
                "ContentType": "text/csv",
                "SplitType": split,
            },
            "TransformOutput": {
                "S3OutputPath": self.below(name),
                "Accept": "text/csv",
                "AssembleWith": "Line",
            },
            **more.pop("request", {}),
        }
        return {"Name": name, "Type": "Transform", "Arguments": request, **more}

    def register(self, name: str, training: str, group: str = "toys", **request: Any) -> dict[str, Any]:
        containers = [
            {
                "Image": self.image,
                "ModelDataUrl": {"Get": f"Steps.{training}.ModelArtifacts.S3ModelArtifacts"},
            }
        ]
        arguments = {
            "ModelPackageGroupName": group,
            "InferenceSpecification": {"Containers": containers},
            **request,
        }
        return {"Name": name, "Type": "RegisterModel", "Arguments": arguments}

    def condition(
        self, name: str, conditions: list[Any], then: list[Any], otherwise: list[Any], **more: Any
    ) -> dict[str, Any]:
        arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}
        return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}

    def fail(self, name: str, message: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}

    def below(self, step: str, *rest: str) -> dict[str, Any]:
        values = ["s3://bucket/runs", {"Get": "Execution.PipelineExecutionId"}, step, *rest]
        return {"Std:Join": {"On": "/", "Values": values}}

    def output(self, step: str, name: str) -> dict[str, str]:
        return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}

    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"}}  # noqa: RUF012


@pytest.fixture
def build() -> Build:
    return Build()


@pytest.fixture
def in_child(yard: Yard, tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], subprocess.Popen[str]]]:
    """Start a run in a process of its own, which a test can kill; it prints its events as they come."""
    script = tmp_path / "runner.py"
    script.write_text(
        "import json, signal, sys\n"
        "from pathlib import Path\n"
        "from local.containers import Container\n"
        "from local.executor import run\n"
        "from local.state import open_state\n"
        # a shell's background job ignores SIGINT, and so would its descendants
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "home, definition, container = map(Path, sys.argv[1:])\n"
        "command = ('python3', str(container))\n"
        "toy = Container((*command, 'train'), (*command, 'serve'), processing=True)\n"
        "def tell(event):\n"
        "    print(json.dumps([event.kind, event.step, event.execution]), flush=True)\n"
        "with open_state(home, write=True) as state:\n"
        "    run(state, json.loads(definition.read_text()), 'toys', on_event=tell, containers={'toy': toy})\n"
    )
    started: list[subprocess.Popen[str]] = []

    def start(definition: dict[str, Any]) -> subprocess.Popen[str]:
        document = tmp_path / "definition.json"
        document.write_text(json.dumps(definition))
        command = [sys.executable, str(script), str(yard.home), str(document), str(tmp_path / "container.py")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
