"""The container contract around a real child process: configuration, channels, FIFOs, HTTP."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A deadline per example would be an assertion about this machine's speed.
settings.register_profile("algorithms", deadline=None, max_examples=50)
settings.load_profile("algorithms")

DEADLINE_SECONDS = 60.0


class Client:
    """A connection to a served model."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self.process = process

    def request(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def invoke(self, body: bytes | str, content_type: str, accept: str | None = None) -> tuple[int, bytes]:
        headers = {"Content_Type": content_type} | ({"Accept": accept} if accept else {})
        encoded = body.encode() if isinstance(body, str) else body
        status, _, answer = self.request("POST", "/invocations", encoded, **headers)
        return status, answer

    def predictions(self, body: bytes | str, content_type: str) -> list[dict[str, Any]]:
        status, answer = self.invoke(body, content_type, "application/json")
        assert status == 200, answer
        found: list[dict[str, Any]] = json.loads(answer)["predictions"]
        return found


class Container:
    """One algorithm's container with a private root in the place of /opt/ml."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self.channels: dict[str, dict[str, str]] = {}
        self._writers: list[threading.Thread] = []

    @property
    def model(self) -> Path:
        return self.root / "model" / "model_algo-1"

    @property
    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()

    def add_file(self, channel: str, data: bytes, content_type: str, name: str = "part", **more: str) -> None:
        path = self.root / "input" / "data" / channel / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.channels[channel] = {"ContentType": content_type, "TrainingInputMode": "File", **more}

    def add_pipe(self, channel: str, data: bytes, content_type: str, epochs: int = 1, **more: str) -> None:
        """One FIFO an epoch, each made when the one before has been read, as the platform does."""
        folder = self.root / "input" / "data"
        folder.mkdir(parents=True, exist_ok=True)
        self.channels[channel] = {"ContentType": content_type, "TrainingInputMode": "Pipe", **more}
        writer = threading.Thread(target=_feed, args=(folder / channel, data, epochs), daemon=True)
        self._writers.append(writer)
        writer.start()

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        config = self.root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text(
            json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})
        )

    def start(self, command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "algorithms", self.name, command],
            env={**os.environ, "SAGEMAKER_BASE_DIR": str(self.root), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, hyperparameters: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        self.configure(hyperparameters)
        with self.start("train") as process:
            out, err = process.communicate(timeout=DEADLINE_SECONDS)
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def refusal(self, hyperparameters: Mapping[str, Any]) -> str:
        """The reason for which a job fails; it leaves no model and no traceback."""
        done = self.train(hyperparameters)
        assert done.returncode == 1, done
        assert done.stderr.strip() == self.failure
        assert not list(self.root.glob("model/*"))
        return self.failure

    @contextmanager
    def serve(self, **environment: str) -> Iterator[Client]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = self.start("serve", SAGEMAKER_BIND_TO_PORT=str(port), **environment)
        client = Client(port, process)
        try:
            _wait_until_ready(client)
            yield client
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)


def _feed(fifo: Path, data: bytes, epochs: int) -> None:
    for epoch in range(epochs):
        path = fifo.with_name(f"{fifo.name}_{epoch}")
        os.mkfifo(path)
        try:
            path.write_bytes(data)
        except BrokenPipeError:
            continue


def _wait_until_ready(client: Client) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        assert client.process.poll() is None, client.process.communicate()
        try:
            status, _, _ = client.request("GET", "/ping")
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            assert status == 200
            return
    raise AssertionError("the server did not become ready")


@pytest.fixture(scope="session")
def make_container() -> type[Container]:
    """`make_container(root, name)`: for fixtures that outlive a test."""
    return Container


@pytest.fixture
def container(tmp_path: Path) -> Callable[[str], Container]:
    """Make a container of an algorithm below the test's own folder."""

    def make(name: str) -> Container:
        return Container(tmp_path / name, name)

    return make
