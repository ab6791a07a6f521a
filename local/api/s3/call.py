"""One request, and where in the store it is meant for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True)
class Call:
    """A request; `bucket` and `key` are "" where it names none."""

    request: Request
    bucket: str
    key: str


Action = Callable[[Call], Awaitable[Response]]
