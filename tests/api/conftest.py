"""A service that listens, and clients that this project did not write."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.api.start import LocalService

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/any"


def client_of(url: str, service: str, access: str = "any", secret: str = "any") -> Any:
    """boto3's client of a service at an address, which tries once only."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


class Requests:
    """Small requests that tests build on."""

    role = ROLE
    wait = "import time; time.sleep(60)"

    @staticmethod
    def processing(code: str, *, outputs: dict[str, str] | None = None) -> dict[str, Any]:
        """What a processing job that runs Python `code` is asked for with, but for its name."""
        return {
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", code]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": name,
                        "S3Output": {
                            "S3Uri": uri,
                            "LocalPath": f"/opt/ml/processing/output/{name}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for name, uri in (outputs or {}).items()
                ]
            },
            "RoleArn": ROLE,
        }

    @staticmethod
    def step(name: str, code: str, **more: Any) -> dict[str, Any]:
        """A processing step that runs Python `code`."""
        return {"Name": name, "Type": "Processing", "Arguments": Requests.processing(code), **more}

    @staticmethod
    def definition(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> str:
        return json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)})

    @staticmethod
    def token() -> str:
        return str(uuid.uuid4())

    @staticmethod
    def code(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
        """Call what is to be refused; return code and message."""
        with pytest.raises(ClientError) as refused:
            call(**request)
        error = refused.value.response["Error"]
        return error["Code"], error["Message"]

    @staticmethod
    def until(done: Callable[[], Any], seconds: float = 60) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"not so within {seconds} s"
            time.sleep(0.02)


class Site(Requests):
    """A service, and boto3's clients of it."""

    def __init__(self, local: LocalService):
        self.local = local
        self.service = local.service
        self.url = local.url
        self.sagemaker = client_of(local.url, "sagemaker")
        self.s3 = client_of(local.url, "s3")
        self.scheduler = client_of(local.url, "scheduler")

    def send(
        self, target: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send a request of the AWS JSON protocol as it stands; return status and answer."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request(
                "POST",
                "/",
                body,
                {
                    "X-Amz-Target": target,
                    "Content-Type": "application/x-amz-json-1.1",
                    **(headers or {}),
                },
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def put(self, uri: str, text: str = "text") -> str:
        """Write an object."""
        self.service.state.objects.put_bytes(text.encode(), uri)
        return uri


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with LocalService(tmp_path / "home") as local:
        yield Site(local)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for the tests of a module that do not disturb each other."""
    with LocalService(tmp_path_factory.mktemp("shared") / "home") as local:
        yield Site(local)


class Up(Requests):
    """`trainyard up` as a process of its own, which a test can kill and start anew on the same state."""

    def __init__(self, home: Path):
        self.home = home
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self, *options: str, environment: dict[str, str] | None = None) -> Up:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up", "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TRAINYARD_HOME": str(self.home), **(environment or {})},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("SageMaker at "), line
        self.url = line.removeprefix("SageMaker at ").strip()
        return self

    def client(self, service: str) -> Any:
        return client_of(self.url, service)

    def kill(self) -> None:
        """What `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self.end()

    def end(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "home")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.terminate()
        made.end()
