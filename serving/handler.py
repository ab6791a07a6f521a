"""Answer a change of a model package's approval status, as EventBridge delivers it.

The event is recorded beside the artifacts, under a key made of what it says, so that a second delivery of
the same event writes the same object again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import boto3

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

STATUSES = ("Approved", "Rejected")


def record(s3: Any, bucket: str, event: Mapping[str, Any]) -> str:
    """Write the event to `approvals/GROUP/VERSION/EVENT-ID.json` and return the key.

    Raises:
        ValueError: the event is not about an approval or a rejection.

    """
    detail = event["detail"]
    status = detail["ModelApprovalStatus"]
    if status not in STATUSES:
        raise ValueError(f"the event's ModelApprovalStatus is {status!r}; expected {' or '.join(STATUSES)}")
    key = f"approvals/{detail['ModelPackageGroupName']}/{detail['ModelPackageVersion']}/{event['id']}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(event, sort_keys=True).encode())
    return key


def handle(event: Mapping[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001
    """Record the event; Lambda's entry point."""
    key = record(boto3.client("s3"), os.environ["ARTIFACT_BUCKET"], event)
    logger.info("recorded %s", key)
    return {"key": key}
