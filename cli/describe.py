"""`trainyard describe EXECUTION`: steps, cache reasons, failures and logs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cli.client import add_on
from cli.options import add_execution, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_execution(parser)
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Show one execution."""
    from cli.source import source

    with source(options.on) as state:
        execution = state.describe(options.execution)
    if options.json:
        print(json.dumps(execution, indent=2))
    else:
        _show(execution)
    return 0


def _show(execution: dict[str, Any]) -> None:
    from cli.display import seconds, show_table

    print(f"{execution['execution_arn']}")
    print(f"{execution['status']} after {seconds(execution['seconds'])}, started {execution['started']}")
    if execution["failure_reason"]:
        print(execution["failure_reason"])
    print()
    show_table(
        ("parameter", "value"), [(name, str(value)) for name, value in execution["parameters"].items()]
    )
    print()
    show_table(
        ("step", "type", "status", "seconds", "cache"),
        [
            (
                step["name"],
                step["type"],
                step["status"] if step["outcome"] is None else step["outcome"],
                seconds(step["seconds"]),
                "hit" if step["cached"] else "miss" if step["cache_reason"] else "",
            )
            for step in execution["steps"]
        ],
        right=(3,),
    )
    for step in execution["steps"]:
        _show_words(step)


def _show_words(step: dict[str, Any]) -> None:
    """Print what a table has no room for: why it failed, why it was or was not cached, where its log is."""
    words = {"failed": step["failure_reason"], "cache": step["cache_reason"], "log": step["log"]}
    if not any(words.values()):
        return
    print(f"\n{step['name']}")
    for name, text in words.items():
        if text:
            print(f"    {name:<7}{text}")
