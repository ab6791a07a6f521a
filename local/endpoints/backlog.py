"""The unanswered requests to an asynchronous endpoint, one file each: they outlive the service."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AsyncRequest:
    """One accepted InvokeEndpointAsync.

    Attributes:
        inference_id: names it in notifications.
        received: when, ISO 8601.
        expires: epoch seconds after which it is not begun any more.
        timeout: seconds that the container gets.
        content_type: of the input, or "".
        accept: of the output, or "".
        custom_attributes: passed on to the container, or "".
        input: `s3://` location of the payload, or "".
        body: the payload in base64 where it came with the request, or "".
        output: location of the answer.
        failure: location of a container's refusal, or "".
        attempts: how often it was begun and broken off through no fault of its own.

    """

    inference_id: str
    received: str
    expires: float
    timeout: float
    content_type: str
    accept: str
    custom_attributes: str
    input: str
    body: str
    output: str
    failure: str
    attempts: int = 0

    def payload(self) -> bytes:
        """Return the payload that came with the request."""
        return base64.b64decode(self.body)


class Backlog:
    """Requests in order of arrival, in memory and in `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._changed = threading.Condition()
        self._files: deque[Path] = deque(sorted(folder.glob("*.json")))
        self._count = 1 + max((int(file.name.partition("-")[0]) for file in self._files), default=0)

    def __len__(self) -> int:
        return len(self._files)

    def put(self, request: AsyncRequest) -> None:
        """Add a request; when this returns it is written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._changed:
            file = self._folder / f"{self._count:012}-{os.urandom(4).hex()}.json"
            self._count += 1
            _write(file, asdict(request))
            self._files.append(file)
            self._changed.notify()

    def take(self, timeout: float) -> tuple[Path, AsyncRequest] | None:
        """Return the oldest request and its file, or None where none comes in time; the file stays."""
        with self._changed:
            if not self._files:
                self._changed.wait(timeout)
            if not self._files:
                return None
            file = self._files.popleft()
        return file, AsyncRequest(**json.loads(file.read_text()))

    def again(self, file: Path, request: AsyncRequest) -> None:
        """Put a request that was broken off back to the front."""
        with self._changed:
            _write(file, asdict(request))
            self._files.appendleft(file)
            self._changed.notify()

    def clear(self) -> None:
        """Forget all requests."""
        with self._changed:
            self._files.clear()
            shutil.rmtree(self._folder, ignore_errors=True)

    def wake(self) -> None:
        """Let `take` return early."""
        with self._changed:
            self._changed.notify_all()


def _write(file: Path, content: dict[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(file)
