"""One row of 784 features, answered: `python -m benchmarks.serving [--json] [--quick]`.

The same linear model in the container that an endpoint runs (`container`), behind an endpoint of the local
service (`endpoint`: container, router and API, two processes), and behind other servers, one worker each, on
the loopback address, in rounds that all of them take part in. The bound is an ASGI application under uvicorn
that does nothing. Peers live in environments below .venvs/, made here; one that cannot be made is reported
as missing.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from algorithms.linear_learner.model import LinearModel
from benchmarks.load import Load, Request, generator, measure
from local.jobs.archive import pack
from processing.recordio import encode_dense

REPOSITORY = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "serving_peers"
WIDTH = 784
CSV, JSON, RECORDIO = "text/csv", "application/json", "application/x-recordio-protobuf"
FORMATS = {"recordio": RECORDIO, "csv": CSV, "json": JSON}
ROUNDS, SECONDS, QUICK_SECONDS = 3, 2.0, 1.0
CONCURRENCIES, QUICK_CONCURRENCIES = (1, 16, 64), (1, 16)
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
    """A running server and what was measured of it: (format, concurrency) → one load a round."""

    name: str
    port: int
    paths: dict[str, str]
    bodies: dict[str, bytes]
    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)

    def request(self, kind: str) -> Request:
        """Return the request of one format."""
        return Request(self.port, self.paths[kind], FORMATS[kind], self.bodies[kind])

    def median(self, kind: str, concurrency: int) -> tuple[float, float] | None:
        """Return the median rate and the median p99, or None where it does not take the format."""
        loads = self.loads.get((kind, concurrency))
        if not loads:
            return None
        return statistics.median(load.rate for load in loads), statistics.median(load.p99 for load in loads)


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
def running(command: list[str], port: int, **options: object) -> Iterator[None]:
    """Run a server; stop it and what it started at the end."""
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
        yield
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
        stack.enter_context(running([*command, "--port", str(empty)], empty, cwd=PEERS, env=environment()))
        variables = {"SAGEMAKER_BASE_DIR": str(material.root), "SAGEMAKER_BIND_TO_PORT": str(container)}
        command = [sys.executable, "-m", "algorithms", "linear-learner", "serve"]
        stack.enter_context(running(command, container, cwd=REPOSITORY, env=environment(**variables)))
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
            Server(BOUND, empty, same, material.bodies),
            Server("container", container, same, material.bodies),
            Server("endpoint", endpoint, paths, material.bodies),
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
    with running([str(python), *command], port, cwd=PEERS, env=variables, **quiet):
        yield Server(peer.name, port, peer.paths, bodies)


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


# --- measuring ----------------------------------------------------------------------------------------------


def check(server: Server, score: float) -> None:
    """Make sure that a server answers what the others do."""
    for kind in server.paths:
        request = server.request(kind)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", request.path, request.body, {"Content-Type": request.content_type})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status != http.client.OK:
            raise RuntimeError(f"{server.name} answers {kind} with {response.status}: {answer[:200]!r}")
        if server.name == BOUND:
            continue
        document = json.loads(answer)
        found = (
            document["outputs"][0]["data"][0]
            if "outputs" in document
            else document["predictions"][0]["score"]
        )
        if abs(found - score) > 1e-5:
            raise RuntimeError(f"{server.name} answers {kind} with score {found}, not {score}")


def measure_all(servers: list[Server], concurrencies: tuple[int, ...], seconds: float, rounds: int) -> None:
    """Measure every server in turn, round by round."""
    for _ in range(rounds):
        for kind in FORMATS:
            for concurrency in concurrencies:
                for server in servers:
                    if kind in server.paths:
                        load = measure(server.request(kind), concurrency, seconds)
                        if load.failures:
                            raise RuntimeError(f"{server.name} failed {load.failures} {kind} requests")
                        server.loads.setdefault((kind, concurrency), []).append(load)


def show(servers: list[Server], missing: dict[str, str], concurrencies: tuple[int, ...]) -> None:
    """Print requests a second, p99 and the ratios to the bound."""
    bound = servers[0]
    print(f"requests/s (p99 ms; share of the bound), {generator()}, {os.cpu_count()} cores")
    print(f"{'':14}" + "".join(f"{server.name:>26}" for server in servers))
    for kind in FORMATS:
        for concurrency in concurrencies:
            most = bound.median(kind, concurrency)
            cells = []
            for server in servers:
                found = server.median(kind, concurrency)
                if found is None or most is None:
                    cells.append("–")
                else:
                    cells.append(f"{found[0]:,.0f} ({found[1] * 1e3:.1f}; {found[0] / most[0]:.2f})")
            print(f"{kind:>9} ×{concurrency:<3} " + "".join(f"{cell:>26}" for cell in cells))
    for name, reason in missing.items():
        print(f"{name} is missing: {reason}")


def as_json(servers: list[Server], missing: dict[str, str], concurrencies: tuple[int, ...]) -> None:
    """Print one object a work; seconds are those between two answers at that concurrency."""
    bound, container = servers[0], servers[1]
    for kind in FORMATS:
        for concurrency in concurrencies:
            most, mine = bound.median(kind, concurrency), container.median(kind, concurrency)
            assert most is not None
            assert mine is not None
            peers = {}
            for server in servers[2:]:
                found = server.median(kind, concurrency)
                if found is not None:
                    peers[server.name] = {"median_s": 1 / found[0], "quality": {"p99_s": found[1]}}
            line = {
                "work": f"serving {kind} ×{concurrency}",
                "median_s": 1 / mine[0],
                "bound_s": 1 / most[0],
                "peers": {**peers, **{name: {"missing": reason} for name, reason in missing.items()}},
                "quality": {"p99_s": mine[1], "bound_p99_s": most[1]},
            }
            print(json.dumps(line))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument(
        "--quick", action="store_true", help="one round of a second each, at concurrency 1 and 16"
    )
    chosen = parser.parse_args()
    concurrencies = QUICK_CONCURRENCIES if chosen.quick else CONCURRENCIES
    seconds, rounds = (QUICK_SECONDS, 1) if chosen.quick else (SECONDS, ROUNDS)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        material = Material(folder)
        servers = stack.enter_context(ours(material, folder))
        missing: dict[str, str] = {}
        for peer in PEER_SERVERS:
            try:
                servers.append(stack.enter_context(peer_server(peer, material, folder)))
            except RuntimeError as error:
                missing[peer.name] = str(error)
        for server in servers:
            check(server, material.score)
        measure_all(servers, concurrencies, seconds, rounds)
    (as_json if chosen.json else show)(servers, missing, concurrencies)


if __name__ == "__main__":
    main()
