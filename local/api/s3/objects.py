"""Objects: files of the object store."""

from __future__ import annotations

import shutil
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from local.api.s3.body import LARGEST_DOCUMENT, read, save
from local.api.s3.buckets import bucket_folder
from local.api.s3.call import Call
from local.api.s3.listing import etag
from local.api.s3.xml import NAMESPACE, XML, S3Error, document, no_such_key, parse
from local.errors import LocalError
from local.objects import ObjectStore

_COPY_SOURCE = "x-amz-copy-source"


def require_key(key: str) -> None:
    """Refuse keys that S3 takes for markers of folders."""
    if key.endswith("/"):
        raise S3Error("InvalidArgument", f"{key!r}: keys here are files, so none ends with '/'")


class Objects:
    """What can be asked of objects."""

    def __init__(self, store: ObjectStore):
        self._store = store

    def _file(self, bucket: str, key: str) -> Path:
        bucket_folder(self._store, bucket)
        path = self._store.path(f"s3://{bucket}/{key}")
        if not path.is_file():
            raise no_such_key(key)
        return path

    async def put(self, call: Call) -> Response:
        """PutObject, or CopyObject where a source is named."""
        bucket_folder(self._store, call.bucket)
        source = call.request.headers.get(_COPY_SOURCE)
        with self._store.staged() as staged:
            if source is None:
                await save(call.request, staged)
            else:
                bucket, _, key = unquote(source).lstrip("/").partition("/")
                await run_in_threadpool(shutil.copyfile, self._file(bucket, key), staged)
            self._store.move(staged, f"s3://{call.bucket}/{call.key}")
        tag = etag(self._file(call.bucket, call.key))
        if source is None:
            return Response(headers={"ETag": tag})
        return Response(document("CopyObjectResult", [("ETag", tag)]), media_type=XML)

    async def get(self, call: Call) -> Response:
        """GetObject and HeadObject; ranges are FileResponse's work."""
        path = self._file(call.bucket, call.key)
        status = path.stat()
        headers = {"ETag": etag(path), "Last-Modified": formatdate(status.st_mtime, usegmt=True)}
        return FileResponse(path, headers=headers, media_type="binary/octet-stream", stat_result=status)

    async def delete(self, call: Call) -> Response:
        """DeleteObject."""
        bucket_folder(self._store, call.bucket)
        self._remove(call.bucket, call.key)
        return Response(status_code=204)

    async def delete_several(self, call: Call) -> Response:
        """DeleteObjects."""
        bucket_folder(self._store, call.bucket)
        root = parse(await read(call.request, LARGEST_DOCUMENT))
        done: list[tuple[str, list[tuple[str, str]]]] = []
        for item in root.iter(f"{{{NAMESPACE}}}Object"):
            key = item.findtext(f"{{{NAMESPACE}}}Key") or ""
            try:
                require_key(key)
                self._remove(call.bucket, key)
                done.append(("Deleted", [("Key", key)]))
            except (LocalError, S3Error) as error:
                done.append(("Error", [("Key", key), ("Code", "InvalidArgument"), ("Message", str(error))]))
        return Response(document("DeleteResult", done), media_type=XML)

    def _remove(self, bucket: str, key: str) -> None:
        """Remove an object and the folders that only it was in; one that is not there counts as removed."""
        root = self._store.path(f"s3://{bucket}")
        path = self._store.path(f"s3://{bucket}/{key}")
        if not path.is_file():
            return
        path.unlink()
        for folder in path.parents:
            if folder == root or any(folder.iterdir()):
                break
            folder.rmdir()
