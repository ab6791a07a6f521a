"""Another service in the place of AWS: its S3 holds the objects, its EventBridge takes the events.

Its CloudWatch has the alarms that roll updates back.

That is how a whole deployment is rehearsed: an emulator has what is around SageMaker, and SageMaker is here.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.arns import REGION
from local.errors import LocalError

_SESSION_NAME = "SageMaker"
_RENEWED_AFTER = 1800.0
"""Seconds until a role is assumed again; its credentials hold for an hour."""


class Aws:
    """The services at one address.

    Attributes:
        url: the address.

    """

    def __init__(self, url: str, *, assume_roles: bool = False):
        """Take the user's own credentials and CA bundle, as boto3 finds them.

        Args:
            url: such as `http://127.0.0.1:4566`.
            assume_roles: whether jobs work as their roles; else as the user.

        """
        self.url = url
        self._assume_roles = assume_roles
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str | None], tuple[float, Any]] = {}

    def client(self, service: str, role: str | None = None) -> Any:
        """Return a client of a service.

        Args:
            service: as boto3 calls it.
            role: the ARN of the role to work as.

        Raises:
            LocalError: the role cannot be assumed.

        """
        role = role if self._assume_roles else None
        with self._lock:
            made, client = self._clients.get((service, role), (0.0, None))
            if client is None or (role and time.monotonic() - made > _RENEWED_AFTER):
                client = self._make(service, role)
                self._clients[service, role] = (time.monotonic(), client)
            return client

    def _make(self, service: str, role: str | None) -> Any:
        import boto3

        settings = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
        make = boto3.Session(region_name=REGION).client
        if role is None:
            return make(service, endpoint_url=self.url, config=settings)
        try:
            held = make("sts", endpoint_url=self.url).assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)
        except (ClientError, BotoCoreError) as error:
            raise LocalError(f"cannot work as {role}: {error}") from None
        return make(
            service,
            endpoint_url=self.url,
            config=settings,
            aws_access_key_id=held["Credentials"]["AccessKeyId"],
            aws_secret_access_key=held["Credentials"]["SecretAccessKey"],
            aws_session_token=held["Credentials"]["SessionToken"],
        )

    def put_event(self, event: Mapping[str, Any]) -> str | None:
        """Give an event to EventBridge; return why it was not taken, or None."""
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
        }
        try:
            answer = self.client("events").put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            return f"EventBridge at {self.url}: {error}"
        failed = [item["ErrorMessage"] for item in answer["Entries"] if "ErrorMessage" in item]
        return f"EventBridge at {self.url}: {failed[0]}" if failed else None

    def alarms(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return what CloudWatch has of the alarms that are named.

        Raises:
            LocalError: it cannot be asked.

        """
        try:
            found: list[dict[str, Any]] = self.client("cloudwatch").describe_alarms(AlarmNames=list(names))[
                "MetricAlarms"
            ]
        except (ClientError, BotoCoreError) as error:
            raise LocalError(f"CloudWatch at {self.url}: {error}") from None
        return found
