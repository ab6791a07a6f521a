"""`trainyard permissions TASK`: what each role of a task may do, and which step and field asked for it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.options import add_json

if TYPE_CHECKING:
    from pipeline.permissions import Grant

DEFAULT_REGION = "us-east-1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("task", metavar="TASK", help="a task; `trainyard tasks` lists them")
    parser.add_argument(
        "--region", default=DEFAULT_REGION, help=f"where the images come from (default: {DEFAULT_REGION})"
    )
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the permissions that the compiled definition asks for."""
    asked = derive(options.task, options.region)
    if options.json:
        print(json.dumps([asdict(grant) for grant in asked], indent=2))
    else:
        _show(asked)
    return 0


def derive(task: str, region: str) -> list[Grant]:
    """Return a task's grants with the names that a deployment fills in left open as `${Name}`."""
    from pipeline.definition import fill, images, load, placeholders
    from pipeline.permissions import Place, grants

    definition = load(task)
    names = {name: f"${{{name}}}" for name in placeholders(definition)}
    names |= images(region) | {"ProcessingCodeUri": "s3://${ArtifactBucket}/code/${CodeHash}"}
    return grants(fill(definition, names), Place("aws", region, "${Account}"))


def _show(asked: list[Grant]) -> None:
    for role in dict.fromkeys(grant.role for grant in asked):
        print(f"{role.removeprefix('${').removesuffix('Arn}')}")
        for (actions, resource, condition), reasons in _lines(asked, role).items():
            print(f"    {', '.join(actions)}")
            print(f"        on {resource}{condition}")
            for reason in reasons:
                print(f"        because {reason}")
        print()


def _lines(asked: list[Grant], role: str) -> dict[tuple[tuple[str, ...], str, str], list[str]]:
    """Group a role's grants by what they allow: (actions, resource, condition) → steps and fields."""
    lines: dict[tuple[tuple[str, ...], str, str], list[str]] = {}
    for grant in asked:
        if grant.role == role:
            held = grant.condition
            only = f" where {held.key} is {' or '.join(held.values)}" if held else ""
            reasons = lines.setdefault((grant.actions, grant.resource, only), [])
            reason = f"{grant.step}: {grant.field}"
            if reason not in reasons:
                reasons.append(reason)
    return lines
