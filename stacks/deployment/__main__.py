"""`python -m stacks.deployment COMMAND ENV`: check, run the pinned CDK, explain a failure.

Commands: synth, diff, bootstrap, deploy, destroy. Exit codes: 0 done, 1 the CDK failed, 2 not started.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import settings
from settings import Settings, SettingsError
from stacks import node
from stacks.deployment.explanation import explain
from stacks.deployment.preflight import PreflightError, check
from stacks.names import names

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CDK = REPOSITORY / "node_modules" / "aws-cdk" / "bin" / "cdk"
COMMANDS = ("synth", "diff", "bootstrap", "deploy", "destroy")
_ALONE = ("synth",)
"""What asks nothing of AWS."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command for one environment."""
    parser = argparse.ArgumentParser(prog="python -m stacks.deployment", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("environment", metavar="ENV", help="the name of a settings file")
    options = parser.parse_args(arguments)
    try:
        chosen = settings.read(options.environment)
        command = cdk_command(options.command, chosen)
        if options.command not in _ALONE:
            check(options.command, chosen, _session(chosen))
    except (SettingsError, node.NodeError, PreflightError) as error:
        print(error, file=sys.stderr)
        return 2
    code = subprocess.run(command, cwd=REPOSITORY, env=_environment(), check=False).returncode
    if code and options.command not in _ALONE:
        for line in explain(names(chosen), _session(chosen).client("cloudformation")):
            print(line, file=sys.stderr)
    return 1 if code else 0


def _session(chosen: Settings) -> Any:
    import boto3  # half of the time that `synth`, which needs no AWS, would take to start

    return boto3.Session(region_name=chosen.region)


def cdk_command(command: str, chosen: Settings) -> list[str]:
    """Return the CDK's command line.

    Raises:
        NodeError: no Node, or the CDK is not installed.

    """
    runtime = node.find()
    if not CDK.exists():
        raise node.NodeError(
            f"the CDK's command line is not installed ({CDK}); run it through make, or `npm ci`"
        )
    line = [str(runtime), str(CDK), command, "--no-notices"]
    if command == "bootstrap":
        return [*line, "--app", "", f"aws://{chosen.account}/{chosen.region}"]
    line += ["--app", f"{sys.executable} app.py", "--context", f"env={chosen.environment}"]
    return [*line, *_options(command, chosen)]


def _options(command: str, chosen: Settings) -> list[str]:
    if command == "deploy":
        # In production a change that gives somebody more rights is shown and asked for.
        return ["--all", "--require-approval", "broadening" if chosen.production else "never"]
    return {"destroy": ["--all", "--force"], "synth": ["--quiet"], "diff": []}[command]


def _environment() -> dict[str, str]:
    return {**os.environ, "CDK_DISABLE_CLI_TELEMETRY": "true"}


if __name__ == "__main__":
    sys.exit(main())
