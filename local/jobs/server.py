"""A model's inference server as a child process, and requests to it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from local.containers import Container
from local.errors import JOB_INTERNAL_ERROR, StepError, StoppedError
from local.jobs.job import Job
from local.ports import HOST, give_back, take_port
from local.process import Process

_STARTUP = 600.0
_FAILURE = "output/failure"
_SHOWN_OF_BODY = 400
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


class Server:
    """The server of one transform job; a context manager that starts and stops it.

    Attributes:
        port: where it listens on the loopback address.

    """

    def __init__(self, job: Job, image: Container, environment: Mapping[str, str], timeout: float):
        self._job = job
        self._image = image
        self._environment = environment
        self._timeout = timeout
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._process: Process | None = None
        self.port = take_port()

    def __enter__(self) -> Server:
        given = {**self._image.environment, **self._environment, "SAGEMAKER_BIND_TO_PORT": str(self.port)}
        self._process = self._job.start(self._image.serve, given)
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        for connection in self._connections:
            connection.close()
        self._process.stop(self._job.control.stop_grace)
        self._process.wait()
        self._job.control.discard(self._process)
        give_back(self.port)

    def _wait_until_ready(self, process: Process) -> None:
        deadline, pause = time.monotonic() + _STARTUP, _FIRST_PAUSE
        while time.monotonic() < deadline:
            if process.ended():
                raise self._ended()
            try:
                status, _ = self.get("/ping")
            except OSError:
                status = 0
            if status == http.client.OK:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        raise StepError(
            f"AlgorithmError: the model server did not answer /ping within {_STARTUP:.0f} seconds"
        )

    def _ended(self) -> StepError | StoppedError:
        assert self._process is not None
        code = self._process.wait()
        if self._job.control.stopping:
            return StoppedError()
        return self._job.failure(code, self._job.root / _FAILURE)

    # --- requests -------------------------------------------------------------------------------------

    def execution_parameters(self) -> dict[str, Any]:
        """Return the MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB that it recommends."""
        status, body = self.get("/execution-parameters")
        if status != http.client.OK:
            return {}
        try:
            found = json.loads(body)
        except ValueError:
            raise StepError(
                f"AlgorithmError: /execution-parameters answered no JSON: {_shown(body)}"
            ) from None
        return found if isinstance(found, dict) else {}

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        return self._exchange("GET", path, None, {})

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the answer to one batch.

        Raises:
            StepError: the server refused it, or broke down.
            StoppedError: the execution is being stopped.

        """
        try:
            status, answer = self._exchange("POST", "/invocations", body, headers)
        except TimeoutError:
            raise StepError(
                f"AlgorithmError: the model server did not answer within {self._timeout:.0f} seconds"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None
        if status != http.client.OK:
            kind = "ClientError" if status < http.client.INTERNAL_SERVER_ERROR else "AlgorithmError"
            raise StepError(f"{kind}: {status} from the model server: {_shown(answer)}")
        return answer

    def _broken(self, error: Exception) -> StepError | StoppedError:
        assert self._process is not None
        if self._job.control.stopping:
            return StoppedError()
        # The connection breaks a moment before the process is seen to have ended.
        for _ in range(20):
            if self._process.ended():
                return self._job.failure(self._process.wait() or 1, self._job.root / _FAILURE)
            time.sleep(_LONGEST_PAUSE)
        return StepError(f"InternalServerError: the model server broke off: {error!r}", JOB_INTERNAL_ERROR)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Send a request over this thread's connection, which is kept for the next one."""
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(HOST, self.port, timeout=self._timeout)
            self._own.connection = connection
            self._connections.append(connection)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            connection.close()
            raise


def _shown(body: bytes) -> str:
    return body[:_SHOWN_OF_BODY].decode(errors="replace")
