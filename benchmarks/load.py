"""Requests per second and latency of a server: by wrk where it is installed, else by a client of our own.

Both send one request after the other over each of a fixed number of kept connections, for a fixed time.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Request:
    """What is sent again and again."""

    port: int
    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Load:
    """What came of it.

    Attributes:
        requests: how many were answered.
        rate: of these a second.
        p99: the 99th percentile of the latency, in seconds.
        failures: answers other than 2xx, and broken connections.

    """

    requests: int
    rate: float
    p99: float
    failures: int


def generator() -> str:
    """Return the name of what sends."""
    return "wrk" if shutil.which("wrk") else "own client"


def measure(request: Request, connections: int, seconds: float) -> Load:
    """Send for so many seconds."""
    if shutil.which("wrk"):
        return _wrk(request, connections, seconds)
    return asyncio.run(_own(request, connections, seconds))


# --- wrk ----------------------------------------------------------------------------------------------------


def _wrk(request: Request, connections: int, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        body, script = Path(folder, "body"), Path(folder, "post.lua")
        body.write_bytes(request.body)
        script.write_text(
            'wrk.method = "POST"\n'
            f'local file = io.open("{body}", "rb")\n'
            'wrk.body = file:read("*a")\n'
            "file:close()\n"
            f'wrk.headers["Content-Type"] = "{request.content_type}"\n'
        )
        url = f"http://127.0.0.1:{request.port}{request.path}"
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--latency",
            "--timeout",
            "30s",
        ]
        done = subprocess.run([*command, "-s", str(script), url], capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Load:
    """Read what `wrk --latency` prints."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    requests = re.search(r"(\d+) requests in", text)
    if rate is None or p99 is None or requests is None:
        raise ValueError(f"wrk said neither rate nor latency: {text}")
    failures = int(bad[1]) if bad else 0
    failures += sum(map(int, broken.groups())) if broken else 0
    return Load(int(requests[1]), float(rate[1]), float(p99[1]) * _UNITS[p99[2]], failures)


# --- a client of our own ------------------------------------------------------------------------------------


class _Client(asyncio.Protocol):
    """One connection. Answers are told apart by their Content-Length, which all these servers send."""

    def __init__(self, request: bytes, until: float) -> None:
        self._request = request
        self._until = until
        self._received = b""
        self.latencies: list[float] = []
        self.failures = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        self.latencies.append(time.perf_counter() - self._sent)
        self.failures += head[9:10] != b"2"
        if self._sent < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.failures += exc is not None
        if not self.done.done():
            self.done.set_result(None)


async def _own(request: Request, connections: int, seconds: float) -> Load:
    head = (
        f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {request.content_type}\r\n"
        f"Content-Length: {len(request.body)}\r\n\r\n"
    )
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()

    def client() -> _Client:
        return _Client(head.encode() + request.body, begun + seconds)

    clients = [
        (await loop.create_connection(client, "127.0.0.1", request.port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(each.done for each in clients))
    elapsed = time.perf_counter() - begun
    latencies = sorted(latency for each in clients for latency in each.latencies)
    return Load(
        len(latencies),
        len(latencies) / elapsed,
        latencies[int(0.99 * (len(latencies) - 1))],
        sum(each.failures for each in clients),
    )
