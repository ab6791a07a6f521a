"""A registry with a service behind it: real endpoints whose model, a toy, does what its package says."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.api.start import LocalService
from local.bus import EventBus
from local.containers import Container
from local.endpoints.manager import EndpointManager
from local.endpoints.timing import Timing
from serving.api import Clients, seconds_from_now
from serving.handler import ENDPOINT_CHANGED, PACKAGE_CHANGED, SCHEDULED, Result, answer
from serving.settings import Endpoints

# The package's environment decides: VERSION is what it answers, MODE whether it starts and serves at all.
CONTAINER = r"""
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

mode = os.environ.get("MODE", "")
if mode == "exit":
    sys.exit("cannot load the model")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(500 if mode == "fail" else 200, os.environ["VERSION"].encode())
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
ROLE = "arn:aws:iam::000000000000:role/trainyard-model"
GROUP = "iris"
QUICK = Timing(startup=10, invocation=5, drain=2, grace=1, serverless_idle=5, asynchronous_idle=5)
AT_ONCE: dict[str, Any] = {"role_arn": ROLE, "instance_count": 1, "bake_seconds": 0}


@dataclass
class Registry:
    """A service whose own functions are switched off: tests deliver the events."""

    local: LocalService
    settings: dict[str, Any] = field(default_factory=lambda: dict(AT_ONCE))

    def __post_init__(self) -> None:
        self.sagemaker = self.client("sagemaker")
        self.runtime = self.client("sagemaker-runtime")

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.local.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32),
        )

    # --- packages -------------------------------------------------------------------------------------

    def register(self, mode: str = "", status: str = "Approved") -> str:
        """Register the next version, and return its ARN."""
        with suppress(self.sagemaker.exceptions.ClientError):
            self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        version = 1 + len(self.local.service.records.model_packages(GROUP))
        execution = f"execution{version:03d}"
        data = f"s3://artifacts/{GROUP}/{execution}/Train/output/model.tar.gz"
        self.local.service.state.objects.put_bytes(archive(), data)
        arn: str = self.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": IMAGE,
                        "ModelDataUrl": data,
                        "Environment": {"VERSION": str(version), "MODE": mode},
                    }
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )["ModelPackageArn"]
        return arn

    def decide(self, arn: str, status: str) -> dict[str, Any]:
        """Change a package's approval status, and return the event of it."""
        self.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
        return self.event(arn, status)

    # --- events ---------------------------------------------------------------------------------------

    def event(self, arn: str, status: str = "Approved") -> dict[str, Any]:
        """Return the event of a package's change as EventBridge delivers it, told now."""
        return {
            "id": arn,
            "detail-type": PACKAGE_CHANGED,
            "source": "aws.sagemaker",
            "time": datetime.now(UTC).isoformat(),
            "resources": [arn],
            "detail": {
                "ModelPackageGroupName": GROUP,
                "ModelPackageArn": arn,
                "ModelApprovalStatus": status,
            },
        }

    def ended(self) -> dict[str, Any]:
        """Return the event of an update that has ended."""
        return {"id": "1", "detail-type": ENDPOINT_CHANGED, "detail": {"EndpointName": GROUP}}

    def tick(self) -> dict[str, Any]:
        """Return the event of the schedule that looks for what has expired."""
        return {"id": "1", "detail-type": SCHEDULED}

    def handle(self, event: dict[str, Any]) -> Result:
        """Deliver an event to the handler."""
        clients = Clients(self.client("sagemaker"), self.client)
        return answer(event, clients, Endpoints({"*": self.settings}, "settings"), seconds_from_now(30))

    def deploy(self, mode: str = "") -> str:
        """Register and approve the next version, deliver its event, and return its ARN."""
        arn = self.register(mode)
        self.handle(self.event(arn))
        return arn

    # --- what is live ---------------------------------------------------------------------------------

    def ask(self) -> str:
        """Return the version that answers."""
        told = self.runtime.invoke_endpoint(EndpointName=GROUP, ContentType="text/csv", Body=b"1,2")
        body: bytes = told["Body"].read()
        return body.decode()

    def live(self) -> dict[str, Any]:
        """Return the endpoint's description."""
        told: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=GROUP)
        return told

    def tags(self, arn: str) -> dict[str, str]:
        """Return a resource's tags."""
        return {tag["Key"]: tag["Value"] for tag in self.sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def names(self) -> dict[str, list[str]]:
        """Return the names of all endpoints, configurations and models."""
        sagemaker = self.sagemaker
        return {
            "endpoints": [entry["EndpointName"] for entry in sagemaker.list_endpoints()["Endpoints"]],
            "configs": [
                entry["EndpointConfigName"] for entry in sagemaker.list_endpoint_configs()["EndpointConfigs"]
            ],
            "models": [entry["ModelName"] for entry in sagemaker.list_models()["Models"]],
        }


def archive() -> bytes:
    """Return a model.tar.gz that holds something."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("model_algo-1")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Container:
    """What stands in for the image `toy`."""
    script = tmp_path_factory.mktemp("toy") / "server.py"
    script.write_text(CONTAINER)
    return Container(serve=("python3", str(script)))


@pytest.fixture
def registry(tmp_path: Path, container: Container) -> Iterator[Registry]:
    """A service without a package."""
    local = LocalService(tmp_path / "state")
    service = local.service
    service.events = EventBus(service, rules=())
    service.endpoints = EndpointManager(service.state, service, {"toy": container}, QUICK)
    local.start()
    try:
        yield Registry(local)
    finally:
        local.close()
