"""Bodies on their way to disk: written as they come, and checked against what the client says of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from local.api.s3.xml import S3Error
from local.errors import disk_errors

LARGEST_OBJECT = 5 << 30
"""Bytes of one PutObject or part, as S3 limits it."""

LARGEST_DOCUMENT = 2 << 20
"""Bytes of an XML document in a request; S3 allows the thousand keys of one DeleteObjects."""

STALL_SECONDS = 30.0
"""How long a client may send nothing."""

_HASH = re.compile(r"[0-9a-f]{64}")


async def save(request: Request, path: Path) -> None:
    """Write a request's body to a file.

    Raises:
        S3Error: it is too large, stalls, is encoded in chunks, or does not have the digests it claims.

    """
    claimed = _claimed(request)
    sha256, md5, crc = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    size = 0
    with disk_errors(path), path.open("wb") as output:
        async for chunk in _chunks(request):
            size += len(chunk)
            if size > LARGEST_OBJECT:
                raise S3Error("EntityTooLarge", f"{LARGEST_OBJECT} bytes are allowed in one request")
            sha256.update(chunk)
            md5.update(chunk)
            crc = zlib.crc32(chunk, crc)
            output.write(chunk)
    _check_claimed(claimed, sha256.digest())
    _check(request, "content-md5", md5.digest())
    _check(request, "x-amz-checksum-crc32", crc.to_bytes(4, "big"))
    _check(request, "x-amz-checksum-sha256", sha256.digest())


async def read(request: Request, limit: int) -> bytes:
    """Return a body of at most `limit` bytes."""
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > limit:
            raise S3Error("MaxMessageLengthExceeded", f"{limit} bytes are allowed")
    _check_claimed(_claimed(request), hashlib.sha256(body).digest())
    return bytes(body)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(STALL_SECONDS) as patience:
            async for chunk in request.stream():
                patience.reschedule(None)
                yield chunk
                patience.reschedule(clock() + STALL_SECONDS)
    except TimeoutError:
        raise S3Error("RequestTimeout", f"nothing arrived for {STALL_SECONDS:g} s") from None
    except ClientDisconnect:
        raise S3Error("IncompleteBody", "the connection broke off") from None


def _claimed(request: Request) -> str:
    claimed: str = request.headers.get("x-amz-content-sha256", "")
    if claimed.startswith("STREAMING-"):
        raise S3Error("NotImplemented", f"{claimed} is not supported; send the body plainly", 501)
    return claimed


def _check_claimed(claimed: str, digest: bytes) -> None:
    if _HASH.fullmatch(claimed) and claimed != digest.hex():
        raise S3Error("XAmzContentSHA256Mismatch", "the body does not have the SHA-256 of its header")


def _check(request: Request, header: str, digest: bytes) -> None:
    if header in request.headers and request.headers[header] != base64.b64encode(digest).decode():
        raise S3Error("BadDigest", f"the body does not have the digest of the header {header}")
