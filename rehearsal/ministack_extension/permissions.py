"""Permissions, where MiniStack enforces them: what SageMaker's requests name, and a record of what was used."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region

_BY_NAME = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
    "PipelineName": "pipeline",
    "ModelPackageName": "model-package",
}
"""Member of a request → the kind of resource that it names; the first that a request has counts."""
_OF_OPERATION = {
    "CreateEndpointConfig": "EndpointConfigName",
    "DescribeEndpointConfig": "EndpointConfigName",
    "DeleteEndpointConfig": "EndpointConfigName",
}
_ROLES = ("ExecutionRoleArn", "RoleArn")
_lock = threading.Lock()
_plain_arn = iam_actions.extract_resource_arn
_plain_enforce = iam_evaluator.enforce


def install() -> None:
    """Name what SageMaker's requests are about, ask for PassRole, and write down what is allowed."""
    iam_actions.extract_resource_arn = _resource_arn
    iam_evaluator.enforce = _enforce


def _resource_arn(
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
) -> str:
    if service != "sagemaker" or method != "POST" or path != "/":
        return str(_plain_arn(service, method, path, headers, body, *rest))
    operation = headers.get("x-amz-target", "").partition(".")[2]
    return _named(operation, json.loads(body or b"{}"))


def _named(operation: str, request: dict[str, Any]) -> str:
    """Return the ARN of what an operation is about; `*` for listings, which know no resource."""
    if operation.startswith("List") and operation != "ListTags":
        return "*"
    for member in ("ResourceArn", "PipelineExecutionArn", "ModelPackageArn"):
        if member in request:
            return str(request[member])
    first = _OF_OPERATION.get(operation)
    for member in (first, *_BY_NAME) if first else _BY_NAME:
        if member in request:
            name = str(request[member])
            if name.startswith("arn:"):
                return name
            return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{_BY_NAME[member]}/{name.lower()}"
    return "*"


def _enforce(access_key: str, action: str, service: str, region: str, **asked: Any) -> Any:
    refused = _plain_enforce(access_key, action, service, region, **asked)
    told = {"action": action, "resource": asked.get("resource_arn", "*"), "allowed": refused is None}
    if refused is None:
        principal = iam_evaluator.resolve_principal(access_key or "", get_account_id())
        told["principal"] = getattr(principal, "arn", "")
    else:
        told["principal"] = getattr(refused, "principal_arn", "")
    with _lock, open(os.environ["REHEARSAL_PERMISSIONS"], "a", encoding="utf-8") as record:  # noqa: PTH123
        record.write(json.dumps(told) + "\n")
    return refused
