"""ListObjectsV2: keys below a prefix, folded at a delimiter, a page at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from local.api.s3.xml import S3Error, Tree, document
from local.errors import LocalError
from local.objects import Object, ObjectStore

MOST_KEYS = 1000


def list_objects(store: ObjectStore, bucket: str, query: Mapping[str, str]) -> bytes:
    """Return the answer to ListObjectsV2.

    Args:
        store: the objects.
        bucket: a bucket that exists.
        query: prefix, delimiter, max-keys, continuation-token, start-after, encoding-type.

    """
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    size = _size(query.get("max-keys", str(MOST_KEYS)))
    after = _after(query)
    found: list[Object] = []
    folded: list[str] = []
    last, truncated = "", False
    for item in _matches(store, bucket, prefix):
        fold = _fold(item.key, prefix, delimiter)
        place = fold or item.key
        if place.encode() <= after.encode() or (folded and folded[-1] == fold):
            continue
        if len(found) + len(folded) >= size:
            truncated = size > 0
            break
        last = place
        if fold:
            folded.append(fold)
        else:
            found.append(item)
    return _answer(bucket, query, found, folded, last if truncated else None)


def _matches(store: ObjectStore, bucket: str, prefix: str) -> list[Object]:
    try:
        return store.find(f"s3://{bucket}/{prefix}")
    except LocalError:  # a prefix that no key here can have, such as one with an empty part
        return []


def _fold(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix that stands for a key, or "" where the key stands for itself."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + found if found else ""


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise S3Error("InvalidArgument", f"max-keys is {text!r}; give a whole number")
    return min(int(text), MOST_KEYS)


def _after(query: Mapping[str, str]) -> str:
    if "continuation-token" not in query:
        return query.get("start-after", "")
    try:
        return base64.b64decode(query["continuation-token"], altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None


def _answer(
    bucket: str, query: Mapping[str, str], found: list[Object], folded: list[str], last: str | None
) -> bytes:
    def text(value: str) -> str:
        return quote(value, safe="/") if query.get("encoding-type") == "url" else value

    tree: list[tuple[str, Tree | str | int]] = [
        ("Name", bucket),
        ("Prefix", text(query.get("prefix", ""))),
        ("KeyCount", len(found) + len(folded)),
        ("MaxKeys", _size(query.get("max-keys", str(MOST_KEYS)))),
        ("IsTruncated", "true" if last is not None else "false"),
    ]
    for name, member in (
        ("delimiter", "Delimiter"),
        ("start-after", "StartAfter"),
        ("encoding-type", "EncodingType"),
        ("continuation-token", "ContinuationToken"),
    ):
        if name in query:
            tree.append((member, query[name]))
    if last is not None:
        tree.append(("NextContinuationToken", base64.urlsafe_b64encode(last.encode()).decode()))
    tree.extend(("Contents", _entry(item, text(item.key))) for item in found)
    tree.extend(("CommonPrefixes", [("Prefix", text(fold))]) for fold in folded)
    return document("ListBucketResult", tree)


def _entry(item: Object, key: str) -> list[tuple[str, str | int]]:
    modified = datetime.fromtimestamp(item.path.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    return [
        ("Key", key),
        ("LastModified", modified.replace("+00:00", "Z")),
        ("ETag", etag(item.path)),
        ("Size", item.size),
        ("StorageClass", "STANDARD"),
    ]


def etag(path: Path) -> str:
    """Return a file's entity tag: another one whenever the object was written anew."""
    status = path.stat()
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
