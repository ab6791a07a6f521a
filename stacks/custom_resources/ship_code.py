"""Unpack the processing code below its content-hashed prefix, where processing jobs take it as an input.

A prefix is never changed or taken away again: an execution under way, or a rolled back pipeline, still needs
the code that it was started with.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import boto3

from stacks.custom_resources.response import Request, Result, handler, logger


def ship(s3: Any, source: tuple[str, str], target: tuple[str, str]) -> list[str]:
    """Copy each file of the archive at `source` (bucket, key) below `target` (bucket, prefix).

    Returns:
        The keys that were written.

    """
    body = s3.get_object(Bucket=source[0], Key=source[1])["Body"].read()
    bucket, prefix = target
    written = []
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/"):
                written.append(f"{prefix.rstrip('/')}/{name}")
                s3.put_object(Bucket=bucket, Key=written[-1], Body=archive.read(name))
    return written


def _work(request: Request) -> Result:
    properties = request.properties
    identity = f"s3://{properties['TargetBucket']}/{properties['TargetPrefix']}"
    if request.kind != "Delete":
        source = (properties["SourceBucket"], properties["SourceKey"])
        target = (properties["TargetBucket"], properties["TargetPrefix"])
        logger.info("shipped %d files to %s", len(ship(boto3.client("s3"), source, target)), identity)
    return Result(identity, {"Uri": identity})


handle = handler(_work)
