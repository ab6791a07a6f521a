"""`trainyard wait EXECUTION`: show the progress of an execution that runs elsewhere until it is over."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from cli.client import add_on
from cli.options import add_execution, add_json

if TYPE_CHECKING:
    from cli.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_execution(parser)
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="give up after this time, with exit code 2"
    )
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Wait, showing progress; 0 where the execution succeeded, else 1.

    Ctrl-C ends the waiting and leaves the execution running.
    """
    from cli.progress import Progress
    from cli.source import source

    with Progress() as progress:
        _wait(options, progress)
    with source(options.on) as state:
        execution = state.describe(options.execution)
    if options.json:
        told: dict[str, Any] = {
            key: execution[key] for key in ("execution", "status", "failure_reason", "seconds")
        }
        print(json.dumps(told, indent=2))
    else:
        print(f"Execution   {execution['execution']} {execution['status']}")
    if execution["failure_reason"]:
        print(f"trainyard: {execution['failure_reason']}", file=sys.stderr)
    return 0 if execution["status"] == "Succeeded" else 1


def _wait(options: argparse.Namespace, progress: Progress) -> None:
    if options.on == "local":
        from cli.following import follow
        from local.state import open_state

        # Opened anew for each look: the state directory is another process's to write to.
        def look() -> dict[str, Any]:
            with open_state(write=False) as state:
                return state.describe(options.execution)

        follow(look, progress, timeout=options.timeout)
        return
    from cli.client import connect
    from cli.remote import Remote
    from cli.remote_run import follow as follow_remote
    from local.state import default_home

    with connect(options.on) as service:
        remote = Remote(service, default_home().absolute())
        follow_remote(service, remote, remote.arn(options.execution), progress, options.timeout)
