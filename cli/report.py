"""`trainyard report EXECUTION`: the HTML page of an execution, written anew."""

from __future__ import annotations

import argparse

from cli.client import add_on
from cli.options import add_execution


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_execution(parser)
    add_on(parser)


def execute(options: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from cli.results import write_report
    from cli.source import source

    with source(options.on) as state:
        print(write_report(state, options.execution))
    return 0
