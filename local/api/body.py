"""Request bodies that are read whole: bounded in size and in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from local.api.errors import ServiceError

BODY_SECONDS = 30.0
"""How long a client may take to send a request's body."""


async def read(request: Request, limit: int) -> bytes:
    """Return a request's body.

    Raises:
        ServiceError: it is larger than `limit` bytes, or takes longer than BODY_SECONDS to arrive.
        ClientDisconnect: the connection broke off.

    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise ServiceError(
                        "RequestEntityTooLargeException", f"the body exceeds {limit} bytes", 413
                    )
    except TimeoutError:
        raise ServiceError(
            "RequestTimeoutException", f"the body did not arrive within {BODY_SECONDS:g} s", 408
        ) from None
    return bytes(body)
