"""Multipart uploads: parts as files until they are joined."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from local.api.s3.body import LARGEST_DOCUMENT, read, save
from local.api.s3.buckets import bucket_folder
from local.api.s3.call import Call
from local.api.s3.listing import etag
from local.api.s3.xml import NAMESPACE, XML, S3Error, document, parse
from local.errors import disk_errors
from local.state import State

_IDENTITY = re.compile(r"[0-9a-f]{32}")
_MOST_PARTS = 10_000


class Uploads:
    """The uploads under way. They do not outlive the service: its temporary folder is cleared at start."""

    def __init__(self, state: State):
        self._state = state
        self._folder = state.home / "tmp" / "uploads"

    def _upload(self, call: Call) -> Path:
        identity = call.request.query_params["uploadId"]
        folder = self._folder / identity
        if not _IDENTITY.fullmatch(identity) or not folder.is_dir():
            raise _no_such_upload()
        if (folder / "target").read_text() != f"{call.bucket}/{call.key}":
            raise _no_such_upload()
        return folder

    async def create(self, call: Call) -> Response:
        """Begin an upload."""
        bucket_folder(self._state.objects, call.bucket)
        identity = os.urandom(16).hex()
        folder = self._folder / identity
        with disk_errors(folder):
            folder.mkdir(parents=True)
            (folder / "target").write_text(f"{call.bucket}/{call.key}")
        tree = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", identity)]
        return Response(document("InitiateMultipartUploadResult", tree), media_type=XML)

    async def put_part(self, call: Call) -> Response:
        """Take one part; sent again, it replaces the former."""
        folder = self._upload(call)
        number = call.request.query_params.get("partNumber", "")
        if not re.fullmatch(r"[0-9]{1,5}", number) or not 1 <= int(number) <= _MOST_PARTS:
            raise S3Error("InvalidArgument", f"partNumber is {number!r}; give 1 to {_MOST_PARTS}")
        staged = folder / f"{os.urandom(8).hex()}.new"
        await save(call.request, staged)
        part = folder / f"{int(number)}.part"
        staged.replace(part)
        return Response(headers={"ETag": etag(part)})

    async def complete(self, call: Call) -> Response:
        """Join the parts that the request lists into the object."""
        folder = self._upload(call)
        root = parse(await read(call.request, LARGEST_DOCUMENT))
        parts = [_part(folder, item) for item in root.iter(f"{{{NAMESPACE}}}Part")]
        if not parts:
            raise S3Error("MalformedXML", "the request lists no parts")
        objects = self._state.objects
        with objects.staged() as staged:
            await run_in_threadpool(_join, parts, staged)
            objects.move(staged, f"s3://{call.bucket}/{call.key}")
        shutil.rmtree(folder, ignore_errors=True)
        tag = etag(objects.path(f"s3://{call.bucket}/{call.key}"))
        tree = [("Bucket", call.bucket), ("Key", call.key), ("ETag", tag)]
        return Response(document("CompleteMultipartUploadResult", tree), media_type=XML)

    async def abort(self, call: Call) -> Response:
        """Forget an upload."""
        shutil.rmtree(self._upload(call), ignore_errors=True)
        return Response(status_code=204)


def _no_such_upload() -> S3Error:
    return S3Error("NoSuchUpload", "The specified upload does not exist; it may have been completed", 404)


def _part(folder: Path, item: ElementTree.Element) -> Path:
    number = item.findtext(f"{{{NAMESPACE}}}PartNumber") or ""
    path = folder / f"{int(number)}.part" if re.fullmatch(r"[0-9]{1,5}", number) else folder
    if not path.is_file() or (item.findtext(f"{{{NAMESPACE}}}ETag") or "").strip('"') != etag(path).strip(
        '"'
    ):
        raise S3Error("InvalidPart", f"part {number!r} was not uploaded, or has changed since")
    return path


def _join(parts: list[Path], target: Path) -> None:
    with disk_errors(target), target.open("wb") as output:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, output, 1 << 20)
