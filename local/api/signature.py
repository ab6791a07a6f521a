"""Signature Version 4: only who has the key can have sent a request.

Source: "Signature Version 4 for API requests" in the AWS IAM user guide. Only the Authorization header is
taken, not the signed query; a body counts by its SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from local.api.errors import ServiceError

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_SKEW = timedelta(minutes=15)

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;_-]+), *Signature=([0-9a-f]{64})"
)
_HASH = re.compile(r"[0-9a-f]{64}")
_DATE = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Credentials:
    """The one pair of keys that the service knows."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Signed:
    """What a signature covers.

    Attributes:
        method: GET, PUT, …
        path: as it was sent, percent signs and all, without the query.
        query: as it was sent, without the question mark.
        headers: names in small letters.
        body_hash: SHA-256 of the body as hexadecimal digits.

    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_hash: str


def service_name(authorization: str) -> str | None:
    """Return the service that an Authorization header is for, such as s3 or sagemaker; None without one."""
    match = _HEADER.fullmatch(authorization)
    return match[4] if match else None


def verify(request: Signed, credentials: Credentials) -> None:
    """Check a request's signature.

    Raises:
        ServiceError: status 403: it is missing, of another key, too old, or does not fit the request.

    """
    given = request.headers.get("authorization")
    if given is None:
        raise _refused("MissingAuthenticationToken", "sign the request: this service listens beyond loopback")
    match = _HEADER.fullmatch(given)
    if match is None:
        raise _refused("IncompleteSignature", f"the Authorization header is not of the form {ALGORITHM} …")
    key, day, region, service, names, signature = match.groups()
    if not hmac.compare_digest(key.encode(), credentials.access_key.encode()):
        raise _refused("UnrecognizedClientException", "the access key is not known here")
    time = request.headers.get("x-amz-date", "")
    _require_recent(time, day)
    if not _HASH.fullmatch(request.body_hash):
        raise _refused("SignatureDoesNotMatch", "the signature must cover the body's SHA-256")
    signed = names.split(";")
    _require_signed(signed, request.headers)
    scope = f"{day}/{region}/{service}/aws4_request"
    canonical = _canonical(request, signed, service)
    text = "\n".join((ALGORITHM, time, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signing_key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(signing_key, text.encode(), "sha256").hex(), signature):
        raise _refused(
            "SignatureDoesNotMatch", "the signature does not fit the request; check the secret key"
        )


def _refused(code: str, message: str) -> ServiceError:
    return ServiceError(code, message, 403)


def _require_recent(time: str, day: str) -> None:
    try:
        sent = datetime.strptime(time, _DATE).replace(tzinfo=UTC)
    except ValueError:
        raise _refused(
            "IncompleteSignature", f"X-Amz-Date is {time!r}; write it as 20250131T235959Z"
        ) from None
    if abs(datetime.now(UTC) - sent) > LONGEST_SKEW or not time.startswith(day):
        raise _refused(
            "RequestExpired", f"the request is of {time}; check the clocks: 15 minutes are allowed"
        )


def _require_signed(signed: list[str], headers: Mapping[str, str]) -> None:
    """Refuse a signature that leaves out what decides where a request goes or what it does."""
    needed = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if missing := sorted(needed - set(signed)):
        raise _refused("SignatureDoesNotMatch", f"the signature does not cover {', '.join(missing)}")


def _canonical(request: Signed, signed: list[str], service: str) -> str:
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    path = request.path or "/"
    return "\n".join(
        (
            request.method,
            # Amazon S3 takes the path as it is; the other services encode it once more.
            path if service == "s3" else quote(path, safe="/~"),
            _canonical_query(request.query),
            headers,
            ";".join(signed),
            request.body_hash,
        )
    )


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return "&".join(
        f"{name}={value}"
        for name, value in sorted(
            (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
            for name, _, value in pairs
        )
    )
