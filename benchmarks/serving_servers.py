"""The servers of the serving benchmark: the bound, ours, and peers in environments of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from algorithms.linear_learner.model import LinearModel
from benchmarks.cpu import cpu_seconds
from benchmarks.load import Load, Request, measure
from local.jobs.archive import pack
from processing.recordio import encode_dense

REPOSITORY = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "serving_peers"
WIDTH = 784
CSV, JSON, RECORDIO = "text/csv", "application/json", "application/x-recordio-protobuf"
FORMATS = {"recordio": RECORDIO, "csv": CSV, "json": JSON}
BOUND = "empty ASGI app"


@dataclass(frozen=True)
class Peer:
    """A server that others use: its requirements, and how it is started in their environment."""

    name: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    paths: dict[str, str]


PEER_SERVERS = (
    Peer(
        "FastAPI",
        ("fastapi==0.121.*", "uvicorn==0.38.*", "httptools", "numpy"),
        ("-m", "uvicorn", "fastapi_app:app", "--no-access-log", "--log-level", "warning", "--port", "{port}"),
        {"csv": "/csv", "json": "/json"},
    ),
    Peer(
        "Litestar",
        ("litestar==2.18.*", "sniffio", "uvicorn==0.38.*", "httptools", "numpy"),
        (
            "-m",
            "uvicorn",
            "litestar_app:app",
            "--no-access-log",
            "--log-level",
            "warning",
            "--port",
            "{port}",
        ),
        {"csv": "/csv", "json": "/json"},
    ),
    Peer(
        "MLServer",
        ("mlserver==1.7.*", "numpy"),
        ("-c", "from mlserver.cli import main; main()", "start", "{folder}"),
        {"json": "/v2/models/linear/infer"},
    ),
)


@dataclass
class Server:
    """A running server and what was measured of it.

    Attributes:
        name: as it is shown.
        pid: of its process; others may be below it.
        port: where it listens.
        paths: format → path; a format without one is not taken.
        bodies: format → body.
        loads: (format, concurrency) → one load a round.
        cpu: (format, concurrency) → processor seconds a request, one figure a round.

    """

    name: str
    pid: int
    port: int
    paths: dict[str, str]
    bodies: dict[str, bytes]
    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)
    cpu: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def request(self, kind: str) -> Request:
        """Return the request of one format."""
        return Request(self.port, self.paths[kind], FORMATS[kind], self.bodies[kind])

    def measure(self, kind: str, concurrency: int, seconds: float) -> None:
        """Send one format for so many seconds."""
        before = cpu_seconds(self.pid)
        load = measure(self.request(kind), concurrency, seconds)
        after = cpu_seconds(self.pid)
        if load.failures:
            raise RuntimeError(f"{self.name} failed {load.failures} {kind} requests")
        self.loads.setdefault((kind, concurrency), []).append(load)
        if before is not None and after is not None:
            self.cpu.setdefault((kind, concurrency), []).append((after - before) / load.requests)

    def median(self, kind: str, concurrency: int) -> Median | None:
        """Return the medians of the rounds, or None where it does not take the format."""
        loads, cpu = self.loads.get((kind, concurrency)), self.cpu.get((kind, concurrency))
        if not loads:
            return None
        return Median(
            statistics.median(load.rate for load in loads),
            statistics.median(load.p99 for load in loads),
            statistics.median(cpu) if cpu else float("nan"),
        )


@dataclass(frozen=True)
class Median:
    """Requests a second, p99 in seconds, processor seconds a request (NaN where they cannot be had)."""

    rate: float
    p99: float
    cpu: float


# --- the model ----------------------------------------------------------------------------------------------


class Material:
    """The model, in all the forms that servers want, and one row in all formats."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        weights = rng.normal(scale=0.05, size=(WIDTH, 1)).astype(np.float32)
        # As in MNIST, four of five pixels are black and the others fractions of 256.
        row = (rng.integers(0, 256, WIDTH) * (rng.random(WIDTH) < 0.2) / 256).astype(np.float32)
        self.score = float(1 / (1 + np.exp(-(row @ weights)[0])))
        self.root = folder / "ml"
        self.weights = folder / "weights.npy"
        self.archive = folder / "model.tar.gz"
        np.save(self.weights, weights)
        (self.root / "model").mkdir(parents=True)
        model = LinearModel("binary_classifier", "logistic", weights, np.zeros(1, np.float32))
        model.save(self.root / "model" / "model_algo-1")
        pack(self.root / "model", self.archive)
        values = row.tolist()
        self.bodies = {
            "recordio": encode_dense(row[None]),
            "csv": ",".join(map(repr, values)).encode(),
            "json": json.dumps({"instances": [{"features": values}]}).encode(),
        }
        tensor = {"name": "row", "shape": [1, WIDTH], "datatype": "FP32", "data": values}
        self.open_inference = {"json": json.dumps({"inputs": [tensor]}).encode()}


# --- servers ------------------------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, **options: object) -> Iterator[int]:
    """Run a server and give its process's number; stop it and what it started at the end."""
    process = subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start to listen") from None
                time.sleep(0.05)
        yield process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a server: one thread of BLAS, and modules compiled once."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


@contextmanager
def ours(material: Material, folder: Path) -> Iterator[list[Server]]:
    """Run the bound, the container and the endpoint."""
    container, empty = free_port(), free_port()
    same = dict.fromkeys(FORMATS, "/invocations")
    with ExitStack() as stack:
        command = [sys.executable, "-m", "uvicorn", "empty:app", "--no-access-log", "--log-level", "warning"]
        bound_pid = stack.enter_context(
            running([*command, "--port", str(empty)], empty, cwd=PEERS, env=environment())
        )
        variables = {"SAGEMAKER_BASE_DIR": str(material.root), "SAGEMAKER_BIND_TO_PORT": str(container)}
        command = [sys.executable, "-m", "algorithms", "linear-learner", "serve"]
        container_pid = stack.enter_context(
            running(command, container, cwd=REPOSITORY, env=environment(**variables))
        )
        service = subprocess.Popen(
            [sys.executable, str(PEERS / "endpoint.py"), str(folder / "home"), str(material.archive)],
            cwd=REPOSITORY,
            env=environment(PYTHONPATH=str(REPOSITORY)),
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(_end, service)
        assert service.stdout is not None
        endpoint = int(service.stdout.readline())
        paths = dict.fromkeys(FORMATS, "/endpoints/benchmark/invocations")
        yield [
            Server(BOUND, bound_pid, empty, same, material.bodies),
            Server("container", container_pid, container, same, material.bodies),
            Server("endpoint", service.pid, endpoint, paths, material.bodies),
        ]


def _end(service: subprocess.Popen[str]) -> None:
    service.send_signal(signal.SIGINT)  # it stops the endpoint's container, which SIGKILL would leave
    service.wait(30)
    if service.stdout is not None:
        service.stdout.close()


@contextmanager
def peer_server(peer: Peer, material: Material, folder: Path) -> Iterator[Server]:
    """Run a peer in its environment, which is made where it is missing; RuntimeError where it cannot be."""
    python = made_environment(peer)
    port = free_port()
    variables = environment(BENCHMARK_WEIGHTS=str(material.weights), PYTHONPATH=str(PEERS))
    bodies = material.bodies
    if peer.name == "MLServer":
        bodies = material.open_inference
        settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "settings.json").write_text(
            json.dumps({**settings, "host": "127.0.0.1", "parallel_workers": 0, "debug": False})
        )
        model = {"name": "linear", "implementation": "mlserver_model.Linear"}
        (folder / "model-settings.json").write_text(json.dumps(model))
    command = [word.format(port=port, folder=folder) for word in peer.command]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running([str(python), *command], port, cwd=PEERS, env=variables, **quiet) as pid:
        yield Server(peer.name, pid, port, peer.paths, bodies)


def made_environment(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment."""
    folder = REPOSITORY / ".venvs" / f"serving-{peer.name.lower()}"
    done = folder / ".ready"
    if not done.exists() or done.read_text() != repr(peer.requirements):
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", *peer.requirements]
            subprocess.run(
                [str(folder / "bin/python"), *install],
                check=True,
                capture_output=True,
                text=True,
                timeout=600,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise RuntimeError(f"it cannot be installed: {_last_error(said)}") from None
        done.write_text(repr(peer.requirements))
    return folder / "bin/python"


def _last_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
