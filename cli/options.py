"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Declare the positional EXECUTION."""
    parser.add_argument(
        "execution", metavar="EXECUTION", help="an execution's id or ARN; `trainyard executions` lists them"
    )
