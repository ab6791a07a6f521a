"""`trainyard compile [--check]`: the SDK's definitions as the JSON that both engines read."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 when a committed definition is stale",
    )


def execute(options: argparse.Namespace) -> int:
    """Compile all tasks, or compare them with what is committed."""
    raise NotImplementedError(options)
