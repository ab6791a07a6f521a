"""Who else trains the same, each in a process of its own.

They get arrays in memory, where ours reads a recordIO file, and have no validation to do after each epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.environments import PeerMissingError, peer_python
from benchmarks.peer_process import PeerProcess, peer_process
from benchmarks.results import Peer

Score = Callable[[npt.NDArray[Any]], float]


@dataclass(frozen=True)
class Contestant:
    """How to run a peer.

    Attributes:
        name: of the line in the table.
        module: below benchmarks.peers.
        arguments: for it, after the folder of the arrays.
        environment: below benchmarks/peers; ours where it is None.
        interpreter: what its environment is made with.
        once: it takes too long to take turns: one run, which its name should say.

    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: str | None = None
    interpreter: str = sys.executable
    once: bool = False


def pinned(environment: str) -> str:
    """Return the version of a peer: what its requirements name first."""
    requirements = Path(__file__).parent / "peers" / f"{environment}.txt"
    return requirements.read_text().split("\n", 1)[0].partition("==")[2]


def pytorch(name: str, *arguments: object) -> Contestant:
    """Return a work of peers/torch_training.py."""
    return Contestant(
        f"PyTorch {pinned('torch')}, {name}", "torch_training", tuple(map(str, arguments)), "torch"
    )


def scikit_learn(name: str, work: str) -> Contestant:
    """Return a work of peers/scikit_learn_training.py; scikit-learn is a dependency of ours."""
    return Contestant(f"scikit-learn {version('scikit-learn')}, {name}", "scikit_learn_training", (work,))


ZERO = (
    pytorch("32 models in lock-step", "zero", 32),
    Contestant(
        f"Vowpal Wabbit {pinned('vowpalwabbit')}, one model, from its cache",
        "vowpal_wabbit_training",
        environment="vowpalwabbit",
    ),
    scikit_learn("LogisticRegression, one model", "logistic"),
    scikit_learn("SGDClassifier, one model", "sgd"),
)
DIGITS = (
    pytorch("softmax", "digits", 1),
    scikit_learn("LogisticRegression (lbfgs)", "digits"),
)
DIGITS_32 = (pytorch("softmax, 32 models in lock-step", "digits", 32),)


def machines(factors: int, epochs: int) -> tuple[Contestant, ...]:
    """Return who trains a factorization machine."""
    return (
        pytorch("Adam", "machine", factors, epochs),
        Contestant(
            f"fastFM {pinned('fastfm')}, sgd",
            "fastfm_training",
            (str(factors), str(epochs)),
            "fastfm",
            interpreter="python3.6",  # for which its last distribution is
        ),
        Contestant(
            f"myFM {pinned('myfm')}, Gibbs, 50 iterations, one run",
            "myfm_training",
            (str(factors),),
            "myfm",
            once=True,
        ),
    )


XLEARN = Peer("xLearn", missing="no distribution in the Python package index, only sources")


class Entry:
    """A contestant that takes its turns; once it has failed it stands aside and tells why."""

    def __init__(self, contestant: Contestant, data: Path, stack: ExitStack) -> None:
        self.contestant = contestant
        self._process: PeerProcess | None = None
        self._reason = ""
        self._answer: Path | None = None
        try:
            environment = contestant.environment
            python = peer_python(environment, contestant.interpreter) if environment else Path(sys.executable)
            started = peer_process(python, contestant.module, (str(data), *contestant.arguments), data)
            self._process = stack.enter_context(started)
        except PeerMissingError as error:
            other = contestant.interpreter != sys.executable
            self._reason = f"{contestant.interpreter} on the PATH is needed; {error}" if other else str(error)

    def __call__(self) -> None:
        """Train once."""
        if self._process is None:
            return
        try:
            self._answer = self._process()
        except PeerMissingError as error:
            self._process, self._reason = None, str(error)

    def result(self, score: Score) -> Peer:
        """Return its line of the table; `score` takes the labels that it found."""
        if self._process is None or self._answer is None:
            return Peer(self.contestant.name, missing=self._reason)
        return Peer(self.contestant.name, self._process.median, score(np.load(self._answer)))
