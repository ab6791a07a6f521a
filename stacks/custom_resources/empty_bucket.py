"""Empty a bucket before CloudFormation deletes it: all versions, delete markers and unfinished uploads."""

from __future__ import annotations

from typing import Any

import boto3

from stacks.custom_resources.response import Request, Result, handler, logger


def empty(s3: Any, bucket: str, request: Request) -> int:
    """Delete everything in `bucket` and return how many versions and markers that were.

    Raises:
        RuntimeError: S3 refused to delete some; the text names the first.

    """
    deleted = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        request.check_time(f"objects in {bucket} ({deleted} deleted)")
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise RuntimeError(f"{len(answer['Errors'])} objects of {bucket} remain, first {first['Key']}: "
                               f"{first.get('Message', first.get('Code'))}")  # fmt: skip
        deleted += len(keys)
    _abort_uploads(s3, bucket)
    return deleted


def _abort_uploads(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def _work(request: Request) -> Result:
    bucket = request.properties["Bucket"]
    if request.kind == "Delete":
        logger.info("deleted %d versions from %s", empty(boto3.client("s3"), bucket, request), bucket)
    return Result(f"empties-{bucket}")


handle = handler(_work)
