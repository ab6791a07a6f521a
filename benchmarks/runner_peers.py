"""Other orchestrators at the same eight empty steps: which command runs them, and what it needs around it.

Each runs in a process that is started anew, as ours is, from a folder of its own that it keeps between runs,
with its defaults but for what it would tell its makers, which is switched off.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.environments import PeerMissingError, clean_environment, peer_python

SCRIPTS = Path(__file__).resolve().parent / "peers"
SERVER_SECONDS = 120

Call = Callable[[], None]


def run(command: list[str], folder: Path, **environment: str) -> None:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.

    """
    subprocess.run(
        command, cwd=folder, env=clean_environment(**environment), check=True, capture_output=True, text=True
    )


@contextlib.contextmanager
def peers(folder: Path) -> Iterator[tuple[dict[str, Call], dict[str, str]]]:
    """Give what runs each peer's eight steps, and why a peer is missing; servers run meanwhile.

    Args:
        folder: for the files that the peers keep.

    """
    calls: dict[str, Call] = {}
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as servers:
        for name, prepare in PEERS.items():
            own = folder / name.split()[0].lower()
            own.mkdir(parents=True, exist_ok=True)
            try:
                found = prepare(own, servers)
            except PeerMissingError as error:
                missing[name] = str(error)
            else:
                calls.update(
                    {variant: _unless_missing(variant, call, missing) for variant, call in found.items()}
                )
        yield calls, missing


def _unless_missing(name: str, call: Call, missing: dict[str, str]) -> Call:
    """Return the call with its failure noted; one that has failed is not made again."""

    def guarded() -> None:
        if name not in missing:
            try:
                call()
            except subprocess.CalledProcessError as error:
                said = str(error.stderr).strip().splitlines() or [str(error)]
                missing[name] = f"its run failed: {said[-1]}"

    return guarded


def _metaflow(folder: Path, _: contextlib.ExitStack) -> dict[str, Call]:
    command = [str(peer_python("metaflow")), str(SCRIPTS / "metaflow_eight.py"), "run"]
    # It asks the system for the user's name, and refuses root's.
    return {"Metaflow 2.19.39": lambda: run(command, folder, USERNAME="benchmark")}


def _luigi(folder: Path, _: contextlib.ExitStack) -> dict[str, Call]:
    python, script = str(peer_python("luigi")), str(SCRIPTS / "luigi_eight.py")
    count = itertools.count()

    def call(workers: str) -> None:
        # A task whose file is there is not run again, so each run has a folder of its own.
        files = folder / str(next(count))
        files.mkdir()
        run([python, script, str(files), workers], folder)

    return {"Luigi 3.8.1, one process": lambda: call("1"), "Luigi 3.8.1, forks": lambda: call("2")}


def _dagster(folder: Path, _: contextlib.ExitStack) -> dict[str, Call]:
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    dagster = str(peer_python("dagster").with_name("dagster"))

    def call(job: str) -> None:
        script = str(SCRIPTS / "dagster_eight.py")
        run([dagster, "job", "execute", "-f", script, "-j", job], folder, DAGSTER_HOME=str(folder))

    return {
        "Dagster 1.13.28, one process": lambda: call("in_process"),
        "Dagster 1.13.28, a process a step": lambda: call("multiprocess"),
    }


_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
}


def _prefect(folder: Path, servers: contextlib.ExitStack) -> dict[str, Call]:
    python = peer_python("prefect")
    flow = [str(python), str(SCRIPTS / "prefect_eight.py")]
    (folder / "alone").mkdir(exist_ok=True)
    (folder / "served").mkdir(exist_ok=True)
    served = {**_QUIET, "PREFECT_HOME": str(folder / "served")}
    api = servers.enter_context(_prefect_server(python.with_name("prefect"), folder, served))
    alone = {**_QUIET, "PREFECT_HOME": str(folder / "alone")}
    return {
        "Prefect 3.8.8, threads, server up": lambda: run(flow, folder, **served, PREFECT_API_URL=api),
        "Prefect 3.8.8, threads": lambda: run(flow, folder, **alone),
    }


@contextlib.contextmanager
def _prefect_server(prefect: Path, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Give the URL of a server that is up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [str(prefect), "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=clean_environment(**environment), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait(url, server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=1).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
        else:
            return
    raise PeerMissingError("its server does not come up")


PEERS: dict[str, Callable[[Path, contextlib.ExitStack], dict[str, Call]]] = {
    "Metaflow 2.19.39": _metaflow,
    "Luigi 3.8.1": _luigi,
    "Dagster 1.13.28": _dagster,
    "Prefect 3.8.8": _prefect,
}
"""Name → what prepares it; the newest Prefect whose dependencies can be installed together is 3.8.8."""
