"""The deployer's commands: the ones behind `make bootstrap`, `make deploy` and `make destroy`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from rehearsal.report import CheckError
from rehearsal.site import REPOSITORY, Site

_SHOWN_LINES = 40
STACKS = ("network", "storage", "access", "studio", "pipelines", "serving")


def run(site: Site, command: str) -> str:
    """Run a command of the deployment; return what it wrote.

    Raises:
        CheckError: it failed.

    """
    return _run(site, [sys.executable, "-m", "stacks.deployment", command, site.environment])


def trainyard(site: Site, *arguments: str) -> str:
    """Run a command of the product as a user of the account does.

    Raises:
        CheckError: it failed.

    """
    return _run(site, [sys.executable, "-m", "cli.main", *arguments])


def _run(site: Site, command: list[str]) -> str:
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=site.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            # With the Node that it started: an interrupt must not leave a deployment behind.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        told = "\n".join(output.splitlines()[-_SHOWN_LINES:])
        raise CheckError(f"{' '.join(command[1:])} ended with {process.returncode}:\n{told}")
    return output


def stacks(site: Site) -> dict[str, dict[str, Any]]:
    """Return the environment's stacks by their short names."""
    pages = site.client("cloudformation").get_paginator("describe_stacks").paginate()
    front = f"{site.names.prefix}-"
    return {
        stack["StackName"].removeprefix(front): stack
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(front)
    }


def resources(site: Site) -> dict[str, Any]:
    """Return every resource as it is deployed: `STACK RESOURCE` → its part of the template."""
    client = site.client("cloudformation")
    found: dict[str, Any] = {}
    for short, stack in stacks(site).items():
        body = client.get_template(StackName=stack["StackId"])["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        found.update({f"{short} {name}": part for name, part in template["Resources"].items()})
    return found


def events(site: Site) -> dict[str, str]:
    """Return what CloudFormation has done to resources, by event: id → `STACK RESOURCE STATUS`."""
    client = site.client("cloudformation")
    found: dict[str, str] = {}
    for short, stack in stacks(site).items():
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack["StackId"]):
            for event in page["StackEvents"]:
                if event["LogicalResourceId"] != stack["StackName"]:
                    told = f"{short} {event['LogicalResourceId']} {event['ResourceStatus']}"
                    found[event["EventId"]] = told
    return found
