"""The command line that every benchmark has: `python -m benchmarks.NAME [--json] [--quick] [--runs N]`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.environments import MNIST
from benchmarks.results import Result, as_text
from benchmarks.timing import RUNS

Measure = Callable[[argparse.Namespace], Iterator[Result]]
"""Gives results one by one. Options: `quick`, `runs`, `only`; with mnist, `data`, a file that exists."""


def main(
    name: str,
    describe: str | None,
    measure: Measure,
    *,
    mnist: bool = False,
    more: Callable[[argparse.ArgumentParser], object] | None = None,
) -> None:
    """Parse the command line, measure, print.

    Args:
        name: of the module.
        describe: its docstring.
        measure: does the work. It skips what `only` is no part of, and measures less where `quick` is set.
        mnist: whether it needs the real MNIST.
        more: adds options of its own to the parser.

    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=describe,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one object a line")
    parser.add_argument("--quick", action="store_true", help="smaller work: a first look, not to quote")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"counted runs of each (default {RUNS})")
    parser.add_argument("--only", default="", metavar="TEXT", help="only works whose name holds this text")
    if mnist:
        parser.add_argument("--data", type=Path, default=MNIST, help="mnist.pkl.gz")
    if more:
        more(parser)
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: give 1 or more")
    if mnist and not options.data.is_file():
        sys.exit(f"{options.data} is not there: give the path of mnist.pkl.gz with --data")
    results = []
    for result in measure(options):
        if options.json:
            print(result.as_json(), flush=True)
        else:
            print(f"measured {result.work}", file=sys.stderr, flush=True)
        results.append(result)
    if not options.json:
        print(machine())
        print(as_text(results))


def machine() -> str:
    """Return what figures should be read with: cores, load, Python."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, {platform.system()}"
