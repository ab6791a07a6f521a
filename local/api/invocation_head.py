"""The heads of plain requests to InvokeEndpoint, which are nearly all of them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import httptools

from local.api.app import require_local
from local.api.errors import ServiceError
from local.api.runtime import UNSUPPORTED

_URL = re.compile(rb"/endpoints/([A-Za-z0-9-]+)/invocations")
_START = b"POST /endpoints/"
_SPECIAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"origin", *UNSUPPORTED})
_REMEMBERED_BYTES = 1024
_FOR_OBJECTS = b"/s3/aws4_request"


class Head(NamedTuple):
    """What a plain request begins with.

    Attributes:
        endpoint: the name in the path.
        headers: by lower-case name.
        length: bytes of the body.
        size: bytes of the head itself, with the empty line at its end.

    """

    endpoint: str
    headers: dict[bytes, bytes]
    length: int
    size: int


def read_head(data: bytes) -> Head | None:
    """Return the head that `data` begins with; None where it is not a whole head of a plain request.

    Plain is a POST to an endpoint's invocations over a connection that is kept, with its body's length told
    beforehand, and nothing among its headers that would have to be answered in any other way.
    """
    size = data.find(b"\r\n\r\n") + 4
    if size < 4 or not data.startswith(_START):
        return None
    return (_parse_again if size <= _REMEMBERED_BYTES else _parse)(data[:size])


def _parse(text: bytes) -> Head | None:
    reader = _Reader()
    parser: Any = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(text)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    found, headers = _URL.fullmatch(reader.url), reader.headers
    length = headers.get(b"content-length", b"")
    if found is None or not length.isdigit() or not _SPECIAL.isdisjoint(headers):
        return None
    if parser.get_http_version() != "1.1" or not parser.should_keep_alive():
        return None
    if _FOR_OBJECTS in headers.get(b"authorization", b""):
        return None
    try:
        require_local(headers.get(b"host", b""), b"")
    except ServiceError:
        return None
    return Head(found[1].decode(), headers, int(length), len(text))


_parse_again = lru_cache(256)(_parse)
"""Clients that do not sign their requests send the same head again and again."""


class _Reader:
    """What httptools calls."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value
