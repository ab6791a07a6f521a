"""`trainyard teardown TASK`: its endpoint, configurations and models go, in this order."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cli.client import add_on
from cli.options import add_json

_WAIT_SECONDS = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("task", metavar="TASK", help="a task, or its model package group")
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Remove what serves the task; 1 where something remains."""
    from cli.client import connect
    from cli.registry import group_of
    from serving.api import Clients, seconds_from_now
    from serving.teardown import teardown

    with connect(options.on, endpoints=True) as service:
        clients = Clients(service.sagemaker, service.client)
        group = group_of(clients.sagemaker, options.task)
        removal = teardown(clients, group, seconds_from_now(_WAIT_SECONDS)).as_json()
    if options.json:
        print(json.dumps(removal, indent=2))
    else:
        _show(removal)
    return 1 if removal["remaining"] else 0


def _show(removal: dict[str, Any]) -> None:
    for entry in removal["removed"]:
        print(f"removed  {entry['kind']} {entry['name']}")
    for entry in removal["remaining"]:
        print(f"remains  {entry['kind']} {entry['name']}: {entry['reason']}")
    if not removal["remaining"]:
        print(f"Nothing that serves {removal['endpoint']} is left.")
