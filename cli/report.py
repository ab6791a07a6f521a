"""`trainyard report EXECUTION`: the HTML page of an execution, written anew."""

from __future__ import annotations

import argparse

from cli.options import add_execution


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_execution(parser)


def execute(options: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from cli.results import write_report
    from local.state import open_state

    with open_state(write=False) as state:
        print(write_report(state, options.execution))
    return 0
