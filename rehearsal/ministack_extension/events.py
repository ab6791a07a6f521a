"""Events of SageMaker: taken from its service, and from nobody else, as AWS does."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.services import eventbridge

_SOURCE = "aws.sagemaker"
_by_sagemaker: ContextVar[bool] = ContextVar("by_sagemaker", default=False)
_plain = eventbridge._put_events


def install() -> None:
    """Let the service, known by the key that it signs with, put events whose source is its own."""
    app.SERVICE_HANDLERS["events"] = _handle
    eventbridge._put_events = _put_events


async def _handle(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> tuple[int, dict[str, str], bytes]:
    signed = re.search(r"Credential=([^/]+)/", headers.get("authorization", ""))
    _by_sagemaker.set(signed is not None and signed[1] == os.environ["REHEARSAL_SAGEMAKER_KEY"])
    answer: tuple[int, dict[str, str], bytes] = await eventbridge.handle_request(
        method, path, headers, body, query
    )
    return answer


def _put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
    own = all(entry.get("Source") == _SOURCE for entry in data.get("Entries", []))
    return _plain(data, allow_aws_source=allow_aws_source or (own and _by_sagemaker.get()))
