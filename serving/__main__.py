"""`python -m serving`: the handler as a child process, as Lambda runs it on AWS.

The event is read from standard input, the result is one JSON line on standard output. Exit code 1 with one
line on standard error where the handler raised an error that Lambda would retry and count for the alarm.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from serving import api
from serving.deployment import DeploymentError
from serving.handler import WAIT_VARIABLE, EventError, answer, boto_clients
from serving.settings import Endpoints, SettingsError, from_environment, from_file

ONE_MACHINE = {
    # Alarms are looked at with every request here; on AWS they need minutes to see enough of them.
    "bake_seconds": 2,
    "role_arn": "arn:aws:iam::000000000000:role/trainyard-model",
}
"""What tables in the settings file need not name where roles mean nothing and alarms are quick."""

_WAIT_SECONDS = 600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one event; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument(
        "--endpoints", type=Path, metavar="TOML", help="settings: model package group → table"
    )
    parser.add_argument("--check", action="store_true", help="only read the settings")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        endpoints = _settings(options.endpoints)
        if options.check:
            return 0
        wait = api.seconds_from_now(float(os.environ.get(WAIT_VARIABLE, _WAIT_SECONDS)))
        result = answer(json.load(sys.stdin), boto_clients(), endpoints, wait)
    except (EventError, SettingsError, DeploymentError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result, sort_keys=True))
    return 0


def _settings(path: Path | None) -> Endpoints:
    return from_environment(os.environ) if path is None else from_file(path, ONE_MACHINE)


if __name__ == "__main__":
    sys.exit(main())
