"""SageMaker, its runtime and Application Auto Scaling: passed on to the service of this project."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote, urlencode

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router

_SERVICES = {"sagemaker": "SageMaker.", "application-autoscaling": "AnyScaleFrontendService."}
"""Service, as requests are signed for it → what its X-Amz-Target begins with."""
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect"})
_SECONDS = 900.0
_ROLES = ("ExecutionRoleArn", "RoleArn")
_PASSING = "iam:PassRole"
Answer = tuple[int, dict[str, str], bytes]


def url() -> str:
    """Return the address of the project's service."""
    return os.environ["REHEARSAL_SAGEMAKER_URL"]


def install() -> None:
    """Have MiniStack route these services here, and name their actions where it enforces IAM."""
    for service, target in _SERVICES.items():
        router.SERVICE_PATTERNS[service] = {"target_prefixes": [target], "path_patterns": []}
        app.SERVICE_HANDLERS[service] = _pass_on
        iam_actions.SERVICE_TO_IAM_NAMESPACE[service] = service


async def _pass_on(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Answer:
    if app.AUTH and (refused := _may_not_pass(headers, body, query)):
        return refused
    return await asyncio.to_thread(_request, method, path, headers, body, query)


def _may_not_pass(headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer | None:
    """Return the refusal of whoever hands SageMaker a role that he may not pass on, or None."""
    if not headers.get("x-amz-target", "").startswith("SageMaker.Create"):
        return None
    request = json.loads(body or b"{}")
    key = router.extract_access_key_id(headers, query)
    for role in (request[member] for member in _ROLES if member in request):
        refused = iam_evaluator.enforce(
            key,
            _PASSING,
            "iam",
            responses.get_region(),
            resource_arn=role,
            service_context={"iam:PassedToService": "sagemaker.amazonaws.com"},
        )
        if refused is not None:
            answer: Answer = iam_actions.access_denied_response(
                "sagemaker",
                _PASSING,
                getattr(refused, "principal_arn", ""),
                str(uuid.uuid4()),
                headers=headers,
                resource_arn=role,
            )
            return answer
    return None


def _request(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
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
