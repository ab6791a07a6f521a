"""Requests of 784 features a row, answered: `python -m benchmarks.serving [--json] [--quick] [--only TEXT]`.

The same linear model in the container that an endpoint runs (one process), behind an endpoint of the local
service (two processes: router and API, container), and behind other servers, one worker each, on the loopback
address: one row and 100 rows a request, at 1, 16 and 64 requests at once. Every server takes part in every
round. The load is wrk's where it is installed.

Seconds are those between two answers: 1 / requests per second. `quality` has p99, the 99th percentile of the
latency. `cpu_us` is the processor time of a request in all of the server's processes, which other work on
the machine disturbs less than the rate. The bound is an ASGI application that answers two bytes, under
uvicorn with uvloop; FastAPI and Litestar have the same uvicorn. No peer takes recordIO, and MLServer no CSV.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.command import main
from benchmarks.cpu import cpu_seconds
from benchmarks.environments import PeerMissingError
from benchmarks.load import Load, Request, measure
from benchmarks.results import Peer, Result
from benchmarks.serving_material import FORMATS, ROWS, Material
from benchmarks.serving_servers import (
    BOUND,
    CONTAINER,
    ENDPOINT,
    PEER_SERVERS,
    Server,
    bound,
    container,
    endpoint,
)

SECONDS = 1.0
CONCURRENCIES, QUICK_CONCURRENCIES = (1, 16, 64), (1, 16)
OURS = (CONTAINER, ENDPOINT)
RECORDIO_SHARE, TIMES_BEST_PEER = 0.5, 2.0


@dataclass(frozen=True)
class Work:
    """One kind of request, so many at once."""

    format: str
    rows: int
    concurrency: int

    def name(self, server: str) -> str:
        """Return what the table calls it."""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{self.format}, {rows}, {self.concurrency} at once, {server}"


@dataclass(frozen=True)
class Median:
    """Medians of the rounds: requests a second, p99 in seconds, processor seconds a request."""

    rate: float
    p99: float
    cpu: float | None


def serving(options: argparse.Namespace) -> Iterator[Result]:
    """Measure the chosen works, one after another."""
    at_once = QUICK_CONCURRENCIES if options.quick else CONCURRENCIES
    works = [Work(*each) for each in product(FORMATS, ROWS, at_once)]
    works = [work for work in works if any(options.only in work.name(server) for server in OURS)]
    runs = 1 if options.quick else options.runs
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        material = Material(Path(name))
        servers, missing = started(stack, material, Path(name), {work.format for work in works})
        for work in works:
            able = [server for server in servers if work.format in server.paths]
            for server in able:
                check(server, work, material)
            medians = rounds(able, work, runs)
            found = results(work, medians, missing)
            yield from (result for result in found if options.only in result.work)


def started(
    stack: ExitStack, material: Material, folder: Path, formats: set[str]
) -> tuple[list[Server], dict[str, str]]:
    """Start the servers; return them and why others are missing. Peers only where their formats are asked."""
    servers = [stack.enter_context(start(material, folder)) for start in (bound, container, endpoint)]
    missing = {}
    for name, start_peer in PEER_SERVERS.items() if formats - {"recordIO"} else ():
        try:
            servers.append(stack.enter_context(start_peer(material, folder)))
        except (PeerMissingError, RuntimeError) as error:
            missing[name] = str(error)
    return servers, missing


def rounds(servers: list[Server], work: Work, runs: int) -> dict[str, Median]:
    """Send to every server in turn, `runs` times over; return medians by the server's name."""
    loads: dict[str, list[Load]] = {server.name: [] for server in servers}
    cpu: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(runs):
        for server in servers:
            before = cpu_seconds(server.pid)
            load = measure(request(server, work), work.concurrency, SECONDS)
            after = cpu_seconds(server.pid)
            if load.failures or not load.requests:
                raise RuntimeError(f"{work.name(server.name)}: {load.failures} failures in {load.requests}")
            loads[server.name].append(load)
            if before is not None and after is not None:
                cpu[server.name].append((after - before) / load.requests)
    return {
        name: Median(
            statistics.median(load.rate for load in found),
            statistics.median(load.p99 for load in found),
            statistics.median(cpu[name]) if cpu[name] else None,
        )
        for name, found in loads.items()
    }


def results(work: Work, medians: dict[str, Median], missing: dict[str, str]) -> Iterator[Result]:
    """Give the container's result with all peers, then the endpoint's, held to the same."""
    most = medians[BOUND].rate
    peers = {name: found for name, found in medians.items() if name not in (BOUND, *OURS)}
    listed = [Peer(name, 1 / found.rate, {"p99_s": found.p99}) for name, found in peers.items()]
    if work.format != "recordIO":
        listed += [Peer(name, missing=reason) for name, reason in missing.items()]
    for name in OURS:
        found = medians[name]
        notes = {"cpu_us": found.cpu * 1e6} if found.cpu is not None else {}
        if peers:
            best = max(peer.rate for peer in peers.values())
            target = f"≥ {TIMES_BEST_PEER:g} × the best peer's rate, p99 below all"
            met = found.rate >= TIMES_BEST_PEER * best and found.p99 < min(p.p99 for p in peers.values())
            notes["times_best_peer"] = found.rate / best
        else:
            target = f"≥ {RECORDIO_SHARE:g} × the bound's rate"
            met = found.rate >= RECORDIO_SHARE * most
            notes["of_bounds_rate"] = found.rate / most
        shown = listed if name == CONTAINER else []
        quality = {"p99_s": found.p99}
        yield Result(work.name(name), 1 / found.rate, 1 / most, shown, quality, target, met, notes)


# --- requests -----------------------------------------------------------------------------------------------


def request(server: Server, work: Work) -> Request:
    """Return what is sent."""
    body = server.bodies[work.format, work.rows]
    return Request(server.port, server.paths[work.format], FORMATS[work.format], body)


def check(server: Server, work: Work, material: Material) -> None:
    """Make sure that a server answers what the others do."""
    sent = request(server, work)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", sent.path, sent.body, {"Content-Type": sent.content_type})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != http.client.OK:
        raise RuntimeError(f"{work.name(server.name)}: {response.status}: {answer[:300]!r}")
    if server.name == BOUND:
        return
    wanted, found = material.scores[work.rows], scores(json.loads(answer))
    if len(found) != len(wanted) or abs(wanted - found).max() > 1e-5:
        raise RuntimeError(f"{work.name(server.name)}: scores {found[:3]}, not {wanted[:3]}")


def scores(document: Any) -> list[float]:
    """Return the scores of any server's answer."""
    if isinstance(document, dict):
        document = document["outputs"][0]["data"] if "outputs" in document else document["predictions"]
    return [each["score"] if isinstance(each, dict) else each for each in document]


if __name__ == "__main__":
    main("serving", __doc__, serving)
