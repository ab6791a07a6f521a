"""A service with endpoints: real processes behind a real server, called by boto3 and by bare HTTP."""

from __future__ import annotations

import http.client
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.api.start import LocalService
from local.containers import Container, built_in
from local.endpoints.manager import EndpointManager
from local.endpoints.timing import Timing
from local.orphans import process_started

# What a model says of itself is its environment: MODE decides how it fails, NAME what it answers.
CONTAINER = r"""
import json, os, signal, socket, struct, sys, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

base = Path(os.environ["SAGEMAKER_BASE_DIR"])
mode, name = os.environ.get("MODE", ""), os.environ.get("NAME", "model")
if mode == "exit":
    sys.exit("cannot load the model")
if mode == "slow to return":
    if (base / "was here").exists():
        time.sleep(20)
    (base / "was here").touch()

asked = []
OK = b"HTTP/1.1 200 OK\r\n"
BARE = {  # answers that are written as they stand
    "twice": OK + b"Content-Length: 2\r\n\r\nhi" + OK + b"Content-Length: 60\r\n\r\nforeign",
    "other protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "until the end": OK + b"\r\nwhole",
    "cut": OK + b"\r\n0.1,0.2,0.",
}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def answer(self, status, body, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(503 if mode == "never" else 200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = body.decode()
        asked.append(said)
        if mode == "forgetful":  # takes one request a connection, and says so to nobody
            self.answered = getattr(self, "answered", 0) + 1
            if self.answered > 1:
                self.close_connection = True
                return None
        if mode == "fail":
            return self.answer(500, b"the model broke", Content_Type="text/plain")
        if said == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if said == "refuse":
            return self.answer(400, b"row 1 is wrong", Content_Type="text/plain")
        if said.startswith("sleep "):
            time.sleep(float(said.split()[1]))
        if said in BARE:
            self.wfile.write(BARE[said])
            self.close_connection = said != "twice"
            if said == "cut":  # by a reset, as when the process is killed
                time.sleep(0.1)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        if said.startswith("drop "):
            time.sleep(float(said.split()[1]))
            self.close_connection = True
            return None
        if said == "asked":
            return self.answer(200, json.dumps(asked).encode())
        if said == "port":
            return self.answer(200, str(self.client_address[1]).encode())
        if said == "environment":
            told = {**os.environ, "headers": dict(self.headers), "model": sorted(
                path.relative_to(base).as_posix() for path in (base / "model").rglob("*") if path.is_file())}
            return self.answer(200, json.dumps(told).encode(), Content_Type="application/json")
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        more = {"X_Amzn_SageMaker_Custom_Attributes": attributes} if attributes else {}
        self.answer(200, f"{name}:{said}".encode(), Content_Type="text/csv; charset=utf-8", **more)
    def log_message(self, *args): pass

class Server(HTTPServer if mode == "one at a time" else ThreadingHTTPServer):
    request_queue_size = 1 if mode == "one at a time" else 128
    daemon_threads = True
    def shutdown_request(self, request):  # without the farewell that would come before a reset
        request.close()

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
ROLE = "arn:aws:iam::000000000000:role/models"
QUICK = Timing(
    startup=15,
    invocation=10,
    body=1.0,
    drain=5,
    grace=2,
    serverless_idle=1.0,
    asynchronous_idle=1.0,
    capture=0.2,
)


class Yard:
    """A running service, and shortcuts for what tests do with it."""

    def __init__(self, home: Path, containers: dict[str, Container], timing: Timing = QUICK):
        self.closed = False
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.api = LocalService(home)
        self.service = self.api.service
        self.state = self.service.state
        self.service.endpoints = EndpointManager(self.state, self.service, containers, timing)
        told = self.service.events.put

        def put(kind: str, detail: Any, resources: tuple[str, ...] = ()) -> None:
            self.events.append((kind, dict(detail)))
            told(kind, detail, resources)

        self.service.events.put = put  # type: ignore[method-assign]
        self.api.start()
        self.port = int(self.api.url.rpartition(":")[2])
        self.sagemaker = self._client("sagemaker")
        self.runtime = self._client("sagemaker-runtime")
        self.cloudwatch = self._client("cloudwatch")

    def _client(self, name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.api.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30, max_pool_connections=32),
        )

    def close(self) -> None:
        for client in (self.sagemaker, self.runtime):
            client.close()
        self.api.close()
        self.closed = True

    # --- shortcuts --------------------------------------------------------------------------------------

    def model(self, name: str, image: str = IMAGE, **environment: str) -> str:
        data = f"s3://bucket/models/{name}/model.tar.gz"
        self.state.objects.put_bytes(archive({"model_algo-1": b"weights"}), data)
        container = {
            "Image": image,
            "ModelDataUrl": data,
            "Environment": {"NAME": name, **environment},
        }
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        return name

    def config(self, name: str, *variants: dict[str, Any], **more: Any) -> str:
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **more)
        return name

    def serve(self, endpoint: str, *variants: dict[str, Any], **more: Any) -> None:
        """Create an endpoint and wait until it is in service."""
        self.sagemaker.create_endpoint(
            EndpointName=endpoint, EndpointConfigName=self.config(f"{endpoint}-1", *variants, **more)
        )
        described = self.wait(endpoint)
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")

    def describe(self, endpoint: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_endpoint(EndpointName=endpoint))

    def wait(self, endpoint: str, *under_way: str) -> dict[str, Any]:
        """Wait until an endpoint is at rest."""
        moving = under_way or ("Creating", "Updating", "RollingBack")
        return until(
            lambda: found if (found := self.describe(endpoint))["EndpointStatus"] not in moving else None
        )

    def invoke(self, endpoint: str, body: bytes | str = b"1", **more: Any) -> str:
        more.setdefault("ContentType", "text/csv")
        answer = self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **more)
        return str(answer["Body"].read().decode())

    def pids(self, endpoint: str) -> list[int]:
        """The processes that serve an endpoint."""
        found = self.service.endpoints.find(endpoint)
        assert found is not None
        instances = [
            instance
            for fleet in found.router.fleets
            for variant in fleet.variants.values()
            for instance in variant.instances
        ]
        return [instance.pid for instance in instances if instance.pid is not None]


def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what `look` returns once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def alive(pid: int) -> bool:
    return process_started(pid) is not None


@dataclass
class Load:
    """Client threads that send requests one after the other and keep every answer.

    Attributes:
        answers: body → how often.
        order: the answers' bodies as they came.
        failures: (status, body) of every other answer.

    """

    port: int
    endpoint: str
    clients: int = 8
    answers: dict[str, int] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        until(lambda: sum(self.answers.values()) > 50 or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._stop.is_set():
            connection.request(
                "POST", f"/endpoints/{self.endpoint}/invocations", b"1", {"Content-Type": "text/csv"}
            )
            response = connection.getresponse()
            body = response.read().decode()
            with self._lock:
                if response.status == 200:
                    self.answers[body] = self.answers.get(body, 0) + 1
                    self.order.append(body)
                else:
                    self.failures.append((response.status, body))
        connection.close()


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Container]:
    script = tmp_path_factory.mktemp("container") / "container.py"
    script.write_text(CONTAINER)
    return {"toy": Container(serve=("python3", str(script))), **built_in()}


@pytest.fixture
def open_yard(tmp_path: Path, toy: dict[str, Container]) -> Iterator[Callable[..., Yard]]:
    """Open a service, again and again on the same state directory if need be."""
    opened: list[Yard] = []

    def open_one(timing: Timing = QUICK) -> Yard:
        yard = Yard(tmp_path / "home", toy, timing)
        opened.append(yard)
        return yard

    yield open_one
    for yard in opened:
        if not yard.closed:
            yard.close()


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, toy: dict[str, Container]) -> Iterator[Yard]:
    """One service for the tests of a file, which name their endpoints differently."""
    opened = Yard(tmp_path_factory.mktemp("yard") / "home", toy)
    yield opened
    opened.close()


@pytest.fixture
def quick() -> Timing:
    return QUICK


@pytest.fixture
def load() -> type[Load]:
    return Load


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    return alive


@pytest.fixture
def variant() -> Callable[..., dict[str, Any]]:
    """Build a production variant on instances."""

    def build(model: str, name: str = "AllTraffic", count: int = 1, **more: Any) -> dict[str, Any]:
        return {
            "VariantName": name,
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
            **more,
        }

    return build


@pytest.fixture
def as_json() -> Callable[[str], Any]:
    return json.loads
