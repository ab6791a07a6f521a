"""`s3://bucket/key` in a real S3 (or what stands for it), behind the interface of the store on disk.

What is read is copied below the store's root first, under a name made of the object's ETag, because jobs take
files. Each read asks S3, so a permission that a role does not have is missed at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws
from local.errors import LocalError, NotFoundError
from local.objects import Object, ObjectStore, regular_files, split_uri

_ABSENT = ("404", "NoSuchKey", "NotFound")


class RemoteObjects(ObjectStore):
    """Objects in the S3 of `aws`.

    Args:
        root: a folder for copies.
        temporary: a folder in the same file system for what is being written.
        aws: where S3 is.
        role: the ARN of the role to read and write as.

    """

    def __init__(self, root: Path, temporary: Path, aws: Aws, role: str | None = None):
        super().__init__(root, temporary)
        self._aws = aws
        self._role = role

    def acting_as(self, role: str | None) -> RemoteObjects:
        """Return the same objects as a role may see them."""
        return RemoteObjects(self.root, self.temporary, self._aws, role)

    def path(self, uri: str) -> Path:
        """Return a file with the object's content; one that does not exist where there is no such object."""
        bucket, key = split_uri(uri)
        try:
            with self._errors(uri):
                head = self._s3.head_object(Bucket=bucket, Key=key) if key else None
        except NotFoundError:
            head = None
        if head is None:
            return self.root / "absent" / bucket / key
        return self._copy(bucket, key, head["ETag"])

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is there already stays."""
        with self._errors(f"s3://{bucket}"):
            self._s3.create_bucket(Bucket=bucket)

    def exists(self, uri: str) -> bool:
        """Return whether any object's key begins with the URI's."""
        return any(True for _ in self._listed(uri))

    def find(self, prefix: str) -> list[Object]:
        """Return the objects whose keys begin with the prefix's text, in the order of their keys."""
        bucket, _ = split_uri(prefix)
        return [
            Object(
                f"s3://{bucket}/{entry['Key']}",
                entry["Key"],
                entry["Size"],
                self._copy(bucket, entry["Key"], entry["ETag"]),
            )
            for entry in self._listed(prefix)
        ]

    def read(self, uri: str) -> bytes:
        """Return an object's content.

        Raises:
            NotFoundError: there is none.

        """
        bucket, key = split_uri(uri)
        with self._errors(uri):
            return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def move(self, staged: Path, uri: str) -> None:
        """Upload a staged file as the object `uri`."""
        bucket, key = split_uri(uri)
        with self._errors(uri):
            self._s3.upload_file(str(staged), bucket, key)
        staged.unlink()

    def move_tree(self, staged: Path, uri: str) -> None:
        """Upload the files of a staged folder below the prefix `uri`."""
        if staged.is_dir():
            for file in regular_files(staged):
                self.move(file, f"{uri.rstrip('/')}/{file.relative_to(staged).as_posix()}")

    @property
    def _s3(self) -> Any:
        return self._aws.client("s3", self._role)

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        bucket, key = split_uri(prefix)
        with self._errors(prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
                yield from (entry for entry in page.get("Contents", []) if not entry["Key"].endswith("/"))

    def _copy(self, bucket: str, key: str, etag: str) -> Path:
        """Return a copy of one version of an object, fetched once; permission is asked each time."""
        named = hashlib.sha256(f"{bucket}\0{key}\0{etag}".encode()).hexdigest()
        target = self.root / "copies" / named / Path(key).name
        with self._errors(f"s3://{bucket}/{key}"):
            if target.exists():
                self._s3.head_object(Bucket=bucket, Key=key)
                return target
            with self.staged() as staged:
                self._s3.download_file(bucket, key, str(staged))
                target.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(target)
        return target

    @contextmanager
    def _errors(self, uri: str) -> Iterator[None]:
        """Turn what S3 refuses into this project's errors."""
        who = f" as {self._role}" if self._role else ""
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                raise NotFoundError(f"there is no object {uri}") from None
            # The answer to a HEAD has no body that could name the error.
            forbidden = error.response["Error"]["Code"] == "403"
            why = f"AccessDenied when calling {error.operation_name}" if forbidden else str(error)
            raise LocalError(f"{uri}{who}: {why}") from None
        except (BotoCoreError, Boto3Error) as error:
            raise LocalError(f"{uri}{who}: {error}") from None
