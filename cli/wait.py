"""`trainyard wait EXECUTION`: show the progress of an execution that runs elsewhere until it is over."""

from __future__ import annotations

import argparse
import json
import sys

from cli.client import add_on
from cli.options import add_execution, add_json


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
    from cli.following import follow
    from cli.progress import Progress
    from cli.source import source

    with source(options.on) as told:
        with Progress() as progress:
            follow(lambda: told.outline(options.execution), progress, timeout=options.timeout)
        execution = told.describe(options.execution)
    if options.json:
        kept = ("execution", "status", "failure_reason", "seconds")
        print(json.dumps({key: execution[key] for key in kept}, indent=2))
    else:
        print(f"Execution   {execution['execution']} {execution['status']}")
    if execution["failure_reason"]:
        print(f"trainyard: {execution['failure_reason']}", file=sys.stderr)
    return 0 if execution["status"] == "Succeeded" else 1
