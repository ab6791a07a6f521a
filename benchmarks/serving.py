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
import math
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import generator
from benchmarks.serving_servers import (
    BOUND,
    FORMATS,
    PEER_SERVERS,
    Material,
    Median,
    Server,
    ours,
    peer_server,
)

ROUNDS, SECONDS, QUICK_SECONDS = 3, 2.0, 1.0
CONCURRENCIES, QUICK_CONCURRENCIES = (1, 16, 64), (1, 16)


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
                        server.measure(kind, concurrency, seconds)


def show(servers: list[Server], missing: dict[str, str], concurrencies: tuple[int, ...]) -> None:
    """Print requests a second with their share of the bound's, p99, and processor time a request."""
    bound = servers[0]
    print(f"requests/s (share of the bound; p99 ms; CPU µs), {generator()}, {os.cpu_count()} cores")
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
                    share = found.rate / most.rate
                    times = f"{found.p99 * 1e3:.1f}; {found.cpu * 1e6:.0f}"
                    cells.append(f"{found.rate:,.0f} ({share:.2f}; {times})")
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
                    peers[server.name] = {"median_s": 1 / found.rate, "quality": quality(found)}
            line = {
                "work": f"serving {kind} ×{concurrency}",
                "median_s": 1 / mine.rate,
                "bound_s": 1 / most.rate,
                "peers": {**peers, **{name: {"missing": reason} for name, reason in missing.items()}},
                "quality": {**quality(mine), "bound": quality(most)},
            }
            print(json.dumps(line))


def quality(found: Median) -> dict[str, float | None]:
    """Return what else was measured."""
    return {"p99_s": found.p99, "cpu_s": None if math.isnan(found.cpu) else found.cpu}


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
