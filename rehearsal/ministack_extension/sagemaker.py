"""SageMaker, its runtime and Application Auto Scaling: passed on to the service of this project."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, urlencode

from ministack import app
from ministack.core import iam_actions, router

_SERVICES = {"sagemaker": "SageMaker.", "application-autoscaling": "AnyScaleFrontendService."}
"""Service, as requests are signed for it → what its X-Amz-Target begins with."""
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect"})
_SECONDS = 900.0


def url() -> str:
    """Return the address of the project's service."""
    return os.environ["REHEARSAL_SAGEMAKER_URL"]


def install() -> None:
    """Have MiniStack route these services here, and name their IAM actions where it enforces IAM."""
    for service, target in _SERVICES.items():
        router.SERVICE_PATTERNS[service] = {"target_prefixes": [target], "path_patterns": []}
        app.SERVICE_HANDLERS[service] = _pass_on
        iam_actions.SERVICE_TO_IAM_NAMESPACE[service] = service


async def _pass_on(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> tuple[int, dict[str, str], bytes]:
    return await asyncio.to_thread(_request, method, path, headers, body, query)


def _request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> tuple[int, dict[str, str], bytes]:
    asked = f"{url()}{quote(path)}" + (f"?{urlencode(query, doseq=True)}" if query else "")
    kept = {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}
    request = urllib.request.Request(asked, data=body or None, headers=kept, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return answer.status, _shown(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _shown(error.headers), error.read()


def _shown(headers: Any) -> dict[str, str]:
    """Return an answer's headers but for those of the connection, which is another one."""
    return {name: value for name, value in headers.items() if name.lower() not in (*_OWN_HEADERS, "date")}
