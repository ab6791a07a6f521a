"""Answer CloudFormation: it waits for a PUT to the request's ResponseURL, for an hour if none comes.

Protocol: AWS CloudFormation User Guide, "Custom resource response objects".
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

_REASON_LIMIT = 1024  # the response's body may have 4096 bytes
_SPARE_MILLISECONDS = 15_000


class Context(Protocol):
    """What is used of Lambda's context object."""

    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        ...


class OutOfTimeError(RuntimeError):
    """The work is not done and the function's time is nearly over; the text says what remains."""


@dataclass(frozen=True)
class Request:
    """One request of CloudFormation: Create, Update or Delete, and the resource's properties."""

    kind: str
    properties: Mapping[str, Any]
    context: Context

    def check_time(self, remaining: str) -> None:
        """Give up in time to say so.

        Raises:
            OutOfTimeError: less than 15 seconds are left; the stack's deletion fails and can be repeated.

        """
        if self.context.get_remaining_time_in_millis() < _SPARE_MILLISECONDS:
            raise OutOfTimeError(f"out of time, still there: {remaining}; run the same command again")


@dataclass(frozen=True)
class Result:
    """The resource's identity (a new one makes CloudFormation delete the old) and its attributes."""

    identity: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def handler(work: Callable[[Request], Result]) -> Callable[[Mapping[str, Any], Context], None]:
    """Turn work into a Lambda handler that always answers, so that no stack hangs."""

    def handle(event: Mapping[str, Any], context: Context) -> None:
        request = Request(event["RequestType"], event["ResourceProperties"], context)
        try:
            result = work(request)
        except Exception as error:
            logger.exception("%s of %s failed", event["RequestType"], event["LogicalResourceId"])
            reason = f"{type(error).__name__}: {error}"
            identity = event.get("PhysicalResourceId", event["LogicalResourceId"])
            _answer(event, context, {"Status": "FAILED", "PhysicalResourceId": identity, "Reason": reason})
            return
        answer = {"Status": "SUCCESS", "PhysicalResourceId": result.identity, "Data": dict(result.attributes)}
        _answer(event, context, answer)

    return handle


def _answer(event: Mapping[str, Any], context: Context, answer: Mapping[str, Any]) -> None:
    reason = str(answer.get("Reason", ""))[:_REASON_LIMIT]
    body = {
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
        **answer,
        "Reason": f"{reason} (log stream {context.log_stream_name})".strip(),
    }
    url = event["ResponseURL"]
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"ResponseURL is {url!r}, which is no web address")
    # The address is presigned without a content type; an empty one keeps the signature valid.
    request = urllib.request.Request(  # noqa: S310
        url, data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        logger.info("answered %s", answer["Status"])
