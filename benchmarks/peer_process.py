"""A peer in a process of its own that works when told to: so it takes turns with ours, loaded once."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.environments import REPOSITORY, PeerMissingError, clean_environment


class PeerProcess:
    """The other side of `benchmarks.peers.turns.take_turns`.

    Attributes:
        seconds: of each training so far, by the peer's own clock: without start-up, loading and the model's
            answers.

    """

    def __init__(self, process: subprocess.Popen[str], errors: IO[str], answer: Path) -> None:
        self._process, self._errors, self._path = process, errors, answer
        self.seconds: list[float] = []

    def __call__(self) -> Path:
        """Train once; return the path of the labels found, as `numpy.load` reads them."""
        assert self._process.stdin is not None
        print(self._path, file=self._process.stdin, flush=True)
        self.seconds.append(float(self.answer()["seconds"]))
        return self._path

    def answer(self) -> Mapping[str, Any]:
        """Wait for the peer's next line of JSON.

        Raises:
            PeerMissingError: it has ended; the text holds the last that it said.

        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries say things, too
                found: Mapping[str, Any] = json.loads(line)
                return found
        self._errors.seek(0)
        said = [line.strip() for line in self._errors if line.strip()]
        raise PeerMissingError(f"it ended with exit code {self._process.wait()}: {said[-1] if said else '-'}")

    @property
    def median(self) -> float:
        """Median of its runs in seconds, without the first where there are more."""
        return statistics.median(self.seconds[1:] or self.seconds)


@contextlib.contextmanager
def peer_process(python: Path, module: str, arguments: Sequence[str], folder: Path) -> Iterator[PeerProcess]:
    """Start a peer and wait until it has loaded; end it at the end.

    Args:
        python: the interpreter of its environment.
        module: below benchmarks.peers; it calls `take_turns`.
        arguments: for it.
        folder: for its answers.

    Raises:
        PeerMissingError: it does not start.

    """
    command = [str(python), "-m", f"benchmarks.peers.{module}", *arguments]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        peer = PeerProcess(process, errors, folder / f"{module}-{process.pid}.npy")
        try:
            peer.answer()
            yield peer
        finally:
            process.kill()
