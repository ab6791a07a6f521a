"""Every benchmark, one after another, and one table: `make bench`, or `python -m benchmarks [NAME ...]`.

With `--write` the tables of the benchmarks that ran replace those in docs/benchmarks.md. A benchmark that
fails leaves its old table in place, says why, and makes this command fail at the end.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import machine
from benchmarks.environments import REPOSITORY, clean_environment
from benchmarks.results import Result, as_markdown, as_text, from_json

NAMES = ("recordio", "training", "sparse", "knn", "growth", "runner", "serving", "synth")
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
WRITTEN = {"growth": ["--plots", str(DOCUMENT.parent / "images")]}
"""What a benchmark is told besides when its table is kept."""


def run(name: str, arguments: list[str]) -> list[Result]:
    """Run one benchmark in a process of its own, so that none warms the next one's caches."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *arguments]
    print(f"python -m benchmarks.{name}", file=sys.stderr, flush=True)
    done = subprocess.run(
        command, cwd=REPOSITORY, env=clean_environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return [from_json(line) for line in done.stdout.splitlines()]


def with_table(document: str, name: str, table: str) -> str:
    """Return the document with the table between a benchmark's two markers replaced.

    Raises:
        ValueError: the document has no such markers.

    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    found, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n{table}\n{end}",
        document,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{DOCUMENT.name} should hold {begin} … {end} once, and holds it {count} times")
    return found


def write(name: str, results: list[Result], document: Path, given: Sequence[str] = ()) -> None:
    """Put a benchmark's table, the day, the machine and the command into the document."""
    command = " ".join((f"python -m benchmarks.{name}", *given))
    stamp = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine()}, `{command}`"
    document.write_text(with_table(document.read_text(), name, f"{stamp}\n\n{as_markdown(results)}"))


def main() -> None:
    """Run, print, write; fail at the end where a benchmark failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller work: a first look, not to quote")
    parser.add_argument("--runs", type=int, help="counted runs of each (default: 3)")
    parser.add_argument("--write", action="store_true", help=f"update {DOCUMENT.relative_to(REPOSITORY)}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    if options.write and options.quick:
        parser.error("--write keeps figures that are quoted: leave out --quick")
    given = ["--quick"] if options.quick else []
    given += ["--runs", str(options.runs)] if options.runs is not None else []
    results, failed = [], []
    for name in options.names or NAMES:
        try:
            found = run(name, [*given, *(WRITTEN.get(name, []) if options.write else [])])
        except subprocess.CalledProcessError as error:
            failed.append(f"benchmarks.{name} ended with exit code {error.returncode}")
            continue
        results += found
        if options.write:
            write(name, found, DOCUMENT, given)
    print(machine())
    print(as_text(results))
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
