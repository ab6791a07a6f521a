"""Requests and answers of the server around a model, whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_JSON = b"application/json"


class Request(NamedTuple):
    """A request that has arrived whole; header names are in lower case, the path is without its query."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes


class Response(NamedTuple):
    """An answer; `media_type` as the Content-Type header has it."""

    status: int
    media_type: bytes
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What a request may take: bytes of body, and seconds until it has arrived."""

    body_bytes: int
    seconds: float


Handler = Callable[[Request], Response]
"""Answers a request; called in the event loop's thread or, for large bodies, in another. Never raises."""


def refusal(status: int, message: str) -> Response:
    """Return an answer that says why there is none."""
    return Response(status, _JSON, json.dumps({"error": message}).encode())
