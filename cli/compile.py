"""`trainyard compile [--check]`: the SDK's definitions as the JSON that both engines read."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 when a committed definition is stale",
    )


def execute(options: argparse.Namespace) -> int:
    """Compile all tasks, or compare them with what is committed."""
    from cli.errors import UsageError
    from pipeline.compile import CompileError, compile_tasks

    try:
        compiled = compile_tasks(check=options.check)
    except CompileError as error:
        raise UsageError(str(error)) from error
    for entry in compiled:
        print(f"{entry.status:<8} {entry.path}")
        for change in entry.changes:
            print(f"         {change}")
    if options.check and not all(entry.is_current for entry in compiled):
        print("trainyard: definitions are stale; write them anew with `trainyard compile`", file=sys.stderr)
        return 1
    return 0
