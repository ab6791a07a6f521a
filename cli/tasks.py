"""`trainyard tasks`: the catalogue."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from cli.options import add_json
from pipeline.tasks import CATALOGUE, Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """List the tasks, their raw data and their candidates."""
    if options.json:
        print(json.dumps([_as_json(task) for task in CATALOGUE.values()], indent=2))
        return 0
    for task in CATALOGUE.values():
        print(f"{task.name}: {task.title}")
        print(f"    {task.description}")
        print(f"    data         {'; '.join(task.data_formats)}")
        if task.sample:
            print(f"    without data scikit-learn's own {task.sample}")
        print(f"    candidates   {', '.join(candidate.name for candidate in task.candidates)}")
        metric = task.metric.replace("_", " ")
        print(f"    champion     the best {metric}; registered from {task.min_f1} (MinF1)")
    return 0


def _as_json(task: Task) -> dict[str, object]:
    from pipeline.definition import load, parameters

    declared = parameters(load(task.name))
    return {**asdict(task), "parameters": list(declared.values())}
