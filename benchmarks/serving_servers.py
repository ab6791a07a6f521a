"""The servers of the serving benchmark: the bound, ours, and peers in environments of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import REPOSITORY, clean_environment, peer_python
from benchmarks.serving_material import FORMATS, Kind, Material

PEERS = Path(__file__).resolve().parent / "peers" / "serving"
BOUND, CONTAINER, ENDPOINT = "empty ASGI app", "container", "endpoint"
QUIET = ("--no-access-log", "--log-level", "warning")
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server: how it is shown, its process (others may be below it), and what it takes where."""

    name: str
    pid: int
    port: int
    paths: dict[str, str]
    bodies: dict[Kind, bytes]


@contextmanager
def bound(material: Material, _folder: Path) -> Iterator[Server]:
    """Run an ASGI application that does nothing under uvicorn with all that makes it quick."""
    port = free_port()
    command = [str(peer_python("asgi")), "-m", "uvicorn", "empty:app", *QUIET, "--port", str(port)]
    with running(command, port, cwd=PEERS, env=environment()) as pid:
        yield Server(BOUND, pid, port, dict.fromkeys(FORMATS, "/invocations"), material.usual)


@contextmanager
def container(material: Material, _folder: Path) -> Iterator[Server]:
    """Run the container that an endpoint runs."""
    port = free_port()
    variables = {"SAGEMAKER_BASE_DIR": str(material.root), "SAGEMAKER_BIND_TO_PORT": str(port)}
    command = [sys.executable, "-m", "algorithms", "linear-learner", "serve"]
    with running(command, port, cwd=REPOSITORY, env=environment(**variables)) as pid:
        yield Server(CONTAINER, pid, port, dict.fromkeys(FORMATS, "/invocations"), material.usual)


@contextmanager
def endpoint(material: Material, folder: Path) -> Iterator[Server]:
    """Run the local service with an endpoint: router and API in one process, the container in another."""
    command = [sys.executable, str(PEERS / "endpoint.py"), str(folder / "home"), str(material.archive)]
    service = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(PYTHONPATH=str(REPOSITORY)),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdout is not None
    try:
        port = int(service.stdout.readline())
        paths = dict.fromkeys(FORMATS, "/endpoints/benchmark/invocations")
        yield Server(ENDPOINT, service.pid, port, paths, material.usual)
    finally:
        # It stops the endpoint's container, which SIGKILL would leave. Not SIGINT: what a shell starts in the
        # background ignores that.
        service.terminate()
        service.wait(30)
        service.stdout.close()


# --- peers --------------------------------------------------------------------------------------------------


@contextmanager
def fastapi(material: Material, _folder: Path) -> Iterator[Server]:
    """Run FastAPI under uvicorn."""
    paths = {"CSV": "/csv", "JSON": "/json"}
    with _uvicorn("fastapi", material) as (pid, port):
        yield Server("FastAPI", pid, port, paths, material.usual)


@contextmanager
def litestar(material: Material, _folder: Path) -> Iterator[Server]:
    """Run Litestar under uvicorn."""
    paths = {"CSV": "/csv", "JSON": "/json"}
    with _uvicorn("litestar", material) as (pid, port):
        yield Server("Litestar", pid, port, paths, material.usual)


@contextmanager
def mlserver(material: Material, folder: Path) -> Iterator[Server]:
    """Run MLServer, which takes JSON only; its inference in its own process, as for one worker."""
    port, place = free_port(), folder / "mlserver"
    place.mkdir()
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings = {**ports, "host": "127.0.0.1", "parallel_workers": 0, "debug": False}
    (place / "settings.json").write_text(json.dumps(settings))
    model = {"name": "linear", "implementation": "mlserver_model.Linear"}
    (place / "model-settings.json").write_text(json.dumps(model))
    start = ["-c", "from mlserver.cli import main; main()", "start", str(place)]
    with _peer("mlserver", start, port, material) as pid:
        yield Server("MLServer", pid, port, {"JSON": "/v2/models/linear/infer"}, material.tensors)


@contextmanager
def bentoml(material: Material, folder: Path) -> Iterator[Server]:
    """Run BentoML."""
    port = free_port()
    start = ["-m", "bentoml", "serve", "bento_service:Linear", "--host", "127.0.0.1", "--port", str(port)]
    bodies = {**material.usual, **material.arrays["features"]}
    with _peer("bentoml", start, port, material, BENTOML_HOME=str(folder / "bentoml")) as pid:
        yield Server("BentoML", pid, port, {"CSV": "/csv", "JSON": "/json"}, bodies)


@contextmanager
def mlflow(material: Material, folder: Path) -> Iterator[Server]:
    """Run `mlflow models serve`; its CSV has a line of names."""
    port, model = free_port(), folder / "mlflow"
    variables = _variables(material)
    subprocess.run(
        [str(peer_python("mlflow")), "mlflow_model.py", str(model)],
        check=True,
        cwd=PEERS,
        env=variables,
        capture_output=True,
    )
    start = ["-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "--workers", "1"]
    bodies = {**material.with_header, **material.arrays["inputs"]}
    with _peer("mlflow", [*start, "--host", "127.0.0.1", "--port", str(port)], port, material) as pid:
        yield Server("MLflow", pid, port, dict.fromkeys(("CSV", "JSON"), "/invocations"), bodies)


PEER_SERVERS: dict[str, Callable[[Material, Path], AbstractContextManager[Server]]] = {
    "FastAPI": fastapi,
    "Litestar": litestar,
    "MLServer": mlserver,
    "BentoML": bentoml,
    "MLflow": mlflow,
}


@contextmanager
def _uvicorn(name: str, material: Material) -> Iterator[tuple[int, int]]:
    port = free_port()
    with _peer(
        name, ["-m", "uvicorn", f"{name}_app:app", *QUIET, "--port", str(port)], port, material
    ) as pid:
        yield pid, port


@contextmanager
def _peer(name: str, start: list[str], port: int, material: Material, **more: str) -> Iterator[int]:
    python = peer_python(name)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    env = {**_variables(material), "PATH": path, **more}
    with running([str(python), *start], port, cwd=PEERS, env=env, **silent) as pid:
        yield pid


def _variables(material: Material) -> dict[str, str]:
    return environment(
        BENCHMARK_WEIGHTS=str(material.weights),
        PYTHONPATH=str(PEERS),
        BENTOML_DO_NOT_TRACK="True",
        DO_NOT_TRACK="true",
        MLFLOW_DISABLE_TELEMETRY="true",
    )


# --- processes ----------------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a server: one thread of BLAS, and modules compiled once."""
    return clean_environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", **more)


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
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command[1:4])} did not start to listen") from None
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
