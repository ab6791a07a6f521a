"""The synthesis of the whole application against that of an empty one, by the same CDK, Node and Python.

    python -m benchmarks.synth

Three works, each with every check on: cdk-nag, the rules in stacks/rules, CloudFormation's own validation.

- `make synth` is what that target runs where everything is installed: `python -m stacks.deployment synth
  dev`, which reads the settings and starts the CDK's command line.
- `cdk synth` is that command line itself, as the deployment starts it.
- `python app.py` is what the command line starts: the application, without the command line.

The bound of the first two is `cdk synth` of an application with one empty stack, by the same command line
with the same options; of the third, that application alone. The empty application has CDK's defaults, so it
is validated too, but by warnings: with errors as errors, as ours has it, a stack without resources fails.
All write over what the run before has left, as they do at work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import settings
from benchmarks.command import main
from benchmarks.environments import REPOSITORY, clean_environment
from benchmarks.results import Result
from benchmarks.timing import in_turns
from stacks import node
from stacks.deployment.__main__ import cdk_command

EMPTY = Path(__file__).resolve().parent / "peers" / "empty_cdk_app.py"
ENVIRONMENT = "dev"
TARGET = 1.5
BOUNDS = {"make synth": "empty: cdk synth", "cdk synth": "empty: cdk synth", "python app.py": "empty: app"}


def measure(options: argparse.Namespace) -> Iterator[Result]:
    """Yield the three works; all are timed in turns with the empty application."""
    with tempfile.TemporaryDirectory(prefix="trainyard-synth-") as folder:
        timed = in_turns(_calls(Path(folder)), 1 if options.quick else options.runs)
        stacks = len(list(Path(folder, "app").glob("*.template.json")))
    for work, bound in BOUNDS.items():
        if options.only not in work:
            continue
        ours, empty = timed[work].median, timed[bound].median
        yield Result(
            work=f"{work}, {stacks} stacks",
            median_s=ours,
            bound_s=empty,
            target=f"≤ {TARGET} × an empty app",
            met=ours <= TARGET * empty,
        )


def _calls(folder: Path) -> dict[str, Callable[[], None]]:
    """Return each command line by its name; `make synth` writes to cdk.out, the others below `folder`."""
    command = cdk_command("synth", settings.read(ENVIRONMENT))
    app = command[command.index("--app") + 1]
    empty = [f"{sys.executable} {EMPTY}" if part == app else part for part in command]
    return {
        "make synth": _run([sys.executable, "-m", "stacks.deployment", "synth", ENVIRONMENT]),
        "cdk synth": _run([*command, "--output", str(folder / "cdk")]),
        "empty: cdk synth": _run([*empty, "--output", str(folder / "empty-cdk")], cwd=folder),
        "python app.py": _run([sys.executable, "app.py"], CDK_OUTDIR=str(folder / "app")),
        "empty: app": _run([sys.executable, str(EMPTY)], cwd=folder, CDK_OUTDIR=str(folder / "empty-app")),
    }


def _run(command: list[str], cwd: Path = REPOSITORY, **more: str) -> Callable[[], None]:
    environment = clean_environment(
        CDK_DISABLE_CLI_TELEMETRY="true",
        CDK_CONTEXT_JSON=json.dumps({"env": ENVIRONMENT}),
        JSII_NODE=str(node.find()),
        **more,
    )

    def call() -> None:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")

    return call


if __name__ == "__main__":
    main("synth", __doc__, measure)
