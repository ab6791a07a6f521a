"""`trainyard executions`: what has run, newest first."""

from __future__ import annotations

import argparse
import json

from cli.client import add_on
from cli.options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """List all executions in the state directory."""
    from cli.display import show_table
    from cli.source import source

    with source(options.on) as state:
        executions = state.executions()
    if options.json:
        print(json.dumps(executions, indent=2))
    elif not executions:
        print("No executions yet. Start one with: trainyard run iris")
    else:
        show_table(
            ("execution", "task", "status", "started", "seconds"),
            [
                (row["execution"], row["pipeline"], row["status"], row["started"], f"{row['seconds']:.1f}")
                for row in executions
            ],
        )
    return 0
