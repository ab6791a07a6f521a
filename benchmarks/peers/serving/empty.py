"""The bound: an ASGI application that reads the body and answers two bytes."""

from __future__ import annotations

from typing import Any


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer `{}`."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})
