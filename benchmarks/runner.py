"""The runner: eight empty steps, the start of the command line, and MNIST from raw file to registered model.

Whole commands are timed, each in a process started anew, its start-up included.

- Eight empty steps (convert → three trains → three transforms → evaluate) are `trainyard run --definition` on
  processing jobs whose program is `python3 -c pass`: a private /opt/ml each, records, logs and the report
  included. Bound: bare processes in the same order and number, benchmarks/runner_bound.py. Peers run empty
  steps of their own; only Metaflow and Dagster's second have a process a step.
- `trainyard --help` has `python -c pass` as its bound.
- zero-digit runs on the whole MNIST: the first time in an empty state directory, and later, when the runner
  knows what its jobs took before (the same data by another name, so that nothing comes from the cache).
  Bound: the longest path through the graph of the seconds that the jobs' own processes ran, in that very
  execution. Notes: `busy_s` all jobs' seconds over the cores, below which no schedule gets; `alone_s` the
  longest path where each job ran alone, with one thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.command import main
from benchmarks.environments import clean_environment
from benchmarks.results import Peer, Result
from benchmarks.runner_bound import AFTER
from benchmarks.runner_peers import peers, run
from benchmarks.timing import Timed, in_turns
from local.graph import graph, seconds_below
from local.process import cores
from local.state import open_state

PYTHON = sys.executable
TRAINYARD = str(Path(sys.executable).with_name("trainyard"))
BOUND = str(Path(__file__).with_name("runner_bound.py"))
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"

EMPTY = "eight empty steps, a process each"
HELP = "trainyard --help"
FIRST = "zero-digit on MNIST, raw file to registered model"
LATER = "the same, run before on other data"


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Measure what was asked for."""
    with tempfile.TemporaryDirectory(prefix="runner-") as name:
        folder = Path(name)
        if options.only in EMPTY:
            yield _empty(folder, options)
        if options.only in HELP:
            yield _help(folder, options)
        if options.only in FIRST or options.only in LATER:
            yield from _mnist(folder, options)


# --- empty steps --------------------------------------------------------------------------------------------


def _empty(folder: Path, options: argparse.Namespace) -> Result:
    definition = folder / "eight.json"
    definition.write_text(json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": _steps()}))
    ours = [TRAINYARD, "run", "--definition", str(definition)]
    own = {
        "ours": lambda: run(ours, folder, TRAINYARD_HOME=str(folder / "home")),
        "bound": lambda: run([PYTHON, BOUND, str(cores())], folder),
    }
    with peers(folder) as (others, missing):
        timed = in_turns({**own, **({} if options.quick else others)}, options.runs)
    listed = [Peer(name, timed[name].median) for name in others if name in timed and name not in missing]
    return Result(
        EMPTY,
        timed["ours"].median,
        timed["bound"].median,
        [*listed, *(Peer(name, missing=reason) for name, reason in missing.items())],
        target="≤ 2 × bound",
        met=timed["ours"].median <= 2 * timed["bound"].median,
    )


def _steps() -> list[dict[str, object]]:
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", "pass"]}
    return [
        {
            "Name": name,
            "Type": "Processing",
            "DependsOn": sorted(needs),
            "Arguments": {
                "AppSpecification": application,
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        }
        for name, needs in AFTER.items()
    ]


def _help(folder: Path, options: argparse.Namespace) -> Result:
    timed = in_turns(
        {
            "ours": lambda: run([TRAINYARD, "--help"], folder),
            "bound": lambda: run([PYTHON, "-c", "pass"], folder),
        },
        max(options.runs, 9),
    )
    ours = timed["ours"].median
    return Result(HELP, ours, timed["bound"].median, target="≤ 150 ms", met=ours <= 0.150)


# --- MNIST --------------------------------------------------------------------------------------------------


@dataclass
class Executions:
    """What the state directory says of the executions that were timed: seconds, one entry a run."""

    longest: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)

    def note(self, home: Path) -> None:
        """Add the newest execution."""
        with open_state(home) as state:
            described = state.describe(state.last_execution() or "")
            nodes = graph(state.definition(described["execution"]))
        took = {step["name"]: step["process_seconds"] for step in described["steps"] if step["job"]}
        if any(step["cached"] for step in described["steps"]):
            raise RuntimeError(
                f"{described['execution']}: a step came from the cache, so nothing was measured"
            )
        self.longest.append(max(seconds_below(nodes, took).values()))
        self.total.append(sum(took.values()))


def _mnist(folder: Path, options: argparse.Namespace) -> Iterator[Result]:
    home, noted = folder / "mnist", {FIRST: Executions(), LATER: Executions()}
    count = itertools.count()

    def first() -> None:
        shutil.rmtree(home, ignore_errors=True)
        _zero_digit(home, [] if options.quick else ["--data", str(options.data)])
        noted[FIRST].note(home)

    def later() -> None:
        data = folder / f"{next(count)}-{options.data.name}"
        shutil.copyfile(options.data, data)
        _zero_digit(home, ["--data", str(data)])
        noted[LATER].note(home)

    # The sample that stands in for MNIST in a quick look is the same each time: it would come from the cache.
    timed = in_turns({FIRST: first} if options.quick else {FIRST: first, LATER: later}, options.runs)
    shutil.rmtree(home)
    alone = Executions()
    _zero_digit(home, [] if options.quick else ["--data", str(options.data)], one_core=True)
    alone.note(home)
    for work in timed:
        yield _result(work, timed[work], noted[work], alone.longest[0])


def _result(work: str, timed: Timed, noted: Executions, alone: float) -> Result:
    # The first run of each only warmed up, here as in `timed`.
    longest = statistics.median(noted.longest[1:])
    busy = statistics.median(noted.total[1:]) / cores()
    return Result(
        work,
        timed.median,
        longest,
        target="≤ 1.25 × bound",
        met=timed.median <= 1.25 * longest,
        notes={"busy_s": busy, "alone_s": alone},
    )


def _zero_digit(home: Path, data: list[str], *, one_core: bool = False) -> None:
    """Run the task; on one core its jobs run one after another, each alone and with one thread."""
    command = [TRAINYARD, "run", "zero-digit", *data]
    core = min(os.sched_getaffinity(0))
    subprocess.run(
        command,
        env=clean_environment(TRAINYARD_HOME=str(home)),
        preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if one_core else None,
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main("runner", __doc__, measure, mnist=True)
