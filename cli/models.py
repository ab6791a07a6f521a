"""`trainyard models [TASK]`: the registry."""

from __future__ import annotations

import argparse
import json

from cli.client import add_on
from cli.options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("task", metavar="TASK", nargs="?", help="only this task's model packages")
    add_on(parser)
    add_json(parser)


def _refuse_unknown(name: str) -> None:
    """Raise DefinitionError, which names the nearest task, for a name that no task's group can have."""
    from pipeline.definition import load, task_names

    if not any(name == task or name.endswith(f"-{task}") for task in task_names()):
        load(name)


def execute(options: argparse.Namespace) -> int:
    """List the registered model packages, newest first."""
    from cli.display import show_table
    from cli.source import source

    with source(options.on) as state:
        packages = state.model_packages(options.task)
    if options.task and not packages:
        _refuse_unknown(options.task)
    if options.json:
        print(json.dumps(packages, indent=2))
    elif not packages:
        print(f"No model packages yet. A run registers its champion: trainyard run {options.task or 'iris'}")
    else:
        show_table(
            ("model package", "approval", "created", "execution"),
            [
                (row["model_package_arn"], row["approval_status"], row["created"], row["execution"])
                for row in packages
            ],
        )
    return 0
