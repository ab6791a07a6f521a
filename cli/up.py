"""`trainyard up`: the SageMaker API, the runtime and the scheduler on this machine."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import UsageError

if TYPE_CHECKING:
    from local.api.signature import Credentials
    from local.aws import Aws

DEFAULT_PORT = 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}; 0 for any that is free"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="listen elsewhere than on loopback; requests must then be signed with the keys in "
        "TRAINYARD_ACCESS_KEY_ID and TRAINYARD_SECRET_ACCESS_KEY",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="an environment's settings, such as settings/dev.toml: start its tasks by its schedules",
    )
    parser.add_argument(
        "--aws",
        metavar="URL",
        help="an emulator of AWS: its S3 holds the objects and its EventBridge takes the events; nothing is "
        "provisioned, since what is deployed to it brings its own",
    )
    parser.add_argument(
        "--assume-roles", action="store_true", help="with --aws: jobs read and write objects as their roles"
    )


def execute(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from local.api.provision import provision
    from local.api.start import LocalService

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    local = LocalService(
        host=options.host,
        port=options.port,
        credentials=credentials(os.environ),
        told=True,
        aws=_aws(options),
    )
    try:
        if options.aws is None:
            provision(local.service, options.settings)
        check_endpoints(local.service.state.home)
        local.start()
        print(f"SageMaker at {local.url}", flush=True)
        ended.wait()
    finally:
        local.close()
    return 0


def _aws(options: argparse.Namespace) -> Aws | None:
    """Return what stands for AWS around this service, or None.

    Raises:
        UsageError: options that need it without it, or that it leaves no place for.

    """
    if options.aws is None:
        if options.assume_roles:
            raise UsageError("--assume-roles needs --aws URL: on this machine alone there are no roles")
        return None
    if options.settings is not None:
        raise UsageError("give --settings or --aws: with --aws, schedules are those that are deployed there")
    if not options.aws.startswith(("http://", "https://")):
        raise UsageError(f"--aws {options.aws} is no address; give one such as http://127.0.0.1:4566")
    from local.aws import Aws

    return Aws(options.aws, assume_roles=options.assume_roles)


def check_endpoints(home: Path) -> None:
    """Refuse settings of endpoints that could not be deployed, before anything is approved.

    Raises:
        UsageError: one is wrong, unknown or contradicts another.

    """
    from local.endpoint_settings import FILE, tables
    from serving.settings import Endpoints, SettingsError

    try:
        Endpoints(tables(home), str(home / FILE))
    except SettingsError as error:
        raise UsageError(str(error)) from None


def credentials(environment: Mapping[str, str]) -> Credentials | None:
    """Return the pair of keys in the environment, or None.

    Raises:
        UsageError: one without the other.

    """
    from local.api.signature import Credentials

    access = environment.get("TRAINYARD_ACCESS_KEY_ID", "")
    secret = environment.get("TRAINYARD_SECRET_ACCESS_KEY", "")
    if bool(access) != bool(secret):
        raise UsageError("set both TRAINYARD_ACCESS_KEY_ID and TRAINYARD_SECRET_ACCESS_KEY, or neither")
    return Credentials(access, secret) if access else None
