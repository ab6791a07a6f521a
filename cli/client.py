"""Clients of SageMaker: on AWS, or of the service on this machine. No other code knows which."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.api.start import LocalService

PLACES = ("local", "aws")

_SETTLE_SECONDS = 900.0


def add_on(parser: argparse.ArgumentParser) -> None:
    """Declare --on."""
    parser.add_argument(
        "--on", choices=PLACES, default="local", help="where SageMaker is: this machine (default) or AWS"
    )


class Clients:
    """boto3's clients, each made when it is first asked for.

    Args:
        url: the address of the service on this machine, or None for AWS with the user's own configuration.
        own: the service that lives as long as the command, if there is one.

    """

    def __init__(self, url: str | None, own: LocalService | None = None):
        self.url = url
        self._own = own

    @property
    def embedded(self) -> bool:
        """Whether the service ends with the command."""
        return self._own is not None

    def settle(self) -> str | None:
        """Wait until what the command has set off is done, where it would end with the command.

        Returns:
            why the last function failed, or None.

        """
        return self._own.service.settle(_SETTLE_SECONDS) if self._own else None

    @cached_property
    def sagemaker(self) -> Any:
        """The client of SageMaker."""
        return self.client("sagemaker")

    @cached_property
    def runtime(self) -> Any:
        """The client that invokes endpoints; it retries nothing by itself."""
        return self.client("sagemaker-runtime")

    @cached_property
    def s3(self) -> Any:
        """The client of Amazon S3."""
        return self.client("s3")

    @cached_property
    def scheduler(self) -> Any:
        """The client of EventBridge Scheduler."""
        return self.client("scheduler")

    def client(self, service: str) -> Any:
        """Return a client of any of AWS's services."""
        return self._session.client(service, endpoint_url=self.url)

    @cached_property
    def _session(self) -> Any:
        import boto3

        if self.url is None:
            return boto3.Session()
        from local.bus import client_environment

        own = client_environment(self.url)
        return boto3.Session(
            aws_access_key_id=own["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=own["AWS_SECRET_ACCESS_KEY"],
            region_name=own["AWS_REGION"],
        )


def is_there(on: str) -> bool:
    """Return whether there is a service to talk to: AWS, or the one that `trainyard up` runs here.

    Where there is none, the commands work on the state directory themselves.
    """
    return on == "aws" or _running() is not None


def _running() -> str | None:
    """Return the address of the service that runs on the state directory, if one does."""
    from local.api.address import running_url
    from local.state import default_home

    return running_url(default_home().absolute())


@contextmanager
def connect(on: str, *, endpoints: bool = False) -> Iterator[Clients]:
    """Give the clients for a command.

    Args:
        on: `aws`, or `local`: the service that `trainyard up` runs on the state directory, or else one that
            lives as long as the command.
        endpoints: whether the command needs endpoints to answer; such a short-lived service starts them then.

    Raises:
        BusyError: another command holds the state directory.

    """
    if on == "aws":
        yield Clients(None)
        return
    url = _running()
    if url is not None:
        yield Clients(url)
        return
    from local.api.provision import provision
    from local.api.start import LocalService

    local = LocalService()
    try:
        provision(local.service)
        local.start(restore=False)
        if endpoints:
            local.service.endpoints.restore()
        yield Clients(local.url, local)
    finally:
        local.close()
