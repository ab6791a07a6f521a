"""Buckets: folders of the object store."""

from __future__ import annotations

import shutil
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from local.api.s3.body import LARGEST_DOCUMENT, read
from local.api.s3.call import Call
from local.api.s3.listing import list_objects
from local.api.s3.xml import XML, S3Error, document, no_such_bucket
from local.arns import REGION
from local.objects import ObjectStore


def bucket_folder(store: ObjectStore, bucket: str) -> Path:
    """Return a bucket's folder.

    Raises:
        S3Error: NoSuchBucket.

    """
    folder = store.path(f"s3://{bucket}")
    if not folder.is_dir():
        raise no_such_bucket(bucket)
    return folder


class Buckets:
    """What can be asked of buckets."""

    def __init__(self, store: ObjectStore):
        self._store = store

    async def list_all(self, _: Call) -> Response:
        """ListBuckets."""
        root = self._store.root
        names = sorted(item.name for item in root.iterdir() if item.is_dir()) if root.is_dir() else []
        listed = [("Bucket", [("Name", name)]) for name in names]
        return Response(document("ListAllMyBucketsResult", [("Buckets", listed)]), media_type=XML)

    async def create(self, call: Call) -> Response:
        """CreateBucket; one that exists is the caller's own, and that is no error in us-east-1."""
        await read(call.request, LARGEST_DOCUMENT)
        self._store.path(f"s3://{call.bucket}").mkdir(parents=True, exist_ok=True)
        return Response(headers={"Location": f"/{call.bucket}"})

    async def head(self, call: Call) -> Response:
        """HeadBucket."""
        bucket_folder(self._store, call.bucket)
        return Response(headers={"x-amz-bucket-region": REGION})

    async def location(self, call: Call) -> Response:
        """GetBucketLocation; the empty answer stands for us-east-1."""
        bucket_folder(self._store, call.bucket)
        return Response(document("LocationConstraint", []), media_type=XML)

    async def delete(self, call: Call) -> Response:
        """DeleteBucket, where it is empty."""
        folder = bucket_folder(self._store, call.bucket)
        if self._store.exists(f"s3://{call.bucket}"):
            raise S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        shutil.rmtree(folder)
        return Response(status_code=204)

    async def list_objects(self, call: Call) -> Response:
        """ListObjectsV2."""
        bucket_folder(self._store, call.bucket)
        query = dict(call.request.query_params)
        if query.get("list-type") != "2":
            raise S3Error(
                "NotImplemented", "ListObjectsV2 is the listing supported here: give list-type=2", 501
            )
        content = await run_in_threadpool(list_objects, self._store, call.bucket, query)
        return Response(content, media_type=XML)
