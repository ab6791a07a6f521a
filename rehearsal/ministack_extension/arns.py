"""Which resource a request is about, and its tags, for services that MiniStack's IAM takes for `*`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2, efs, tagging

_SAGEMAKER = {
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
    "ModelPackageName": "model-package",
    "PipelineName": "pipeline",
}
"""Member of a request → the kind of resource that it names; the first that a request has counts."""
_OF_CONFIGURATIONS = "EndpointConfig"
_ARNS = ("ResourceArn", "PipelineExecutionArn")
_EC2 = {"sg": "security-group", "eni": "network-interface"}
_FILE_SYSTEM = re.compile(r"/(?:file-systems|resource-tags)/(fs-\w+)")
_MOUNT_TARGET = re.compile(r"/mount-targets/(fsmt-\w+)")
_plain = iam_actions.extract_resource_arn


def install() -> None:
    """Teach MiniStack's IAM these resources, and the tags of two more services."""
    iam_actions.extract_resource_arn = _resource_arn
    tagging._RESOURCE_TAG_COLLECTORS.update(elasticfilesystem=tagging._collect_efs, ec2=_ec2_tags)


def _resource_arn(
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    *rest: Any,
) -> str:
    if service == "sagemaker" and path == "/":
        return _of_sagemaker(headers.get("x-amz-target", "").partition(".")[2], json.loads(body or b"{}"))
    found = _of_ec2(query) if service == "ec2" else _of_efs(path, query)
    return found or str(_plain(service, method, path, headers, body, query, *rest))


def _of_sagemaker(operation: str, request: dict[str, Any]) -> str:
    if operation.startswith("List") and operation != "ListTags":
        return "*"
    for member in _ARNS:
        if member in request:
            return str(request[member])
    members = list(_SAGEMAKER)
    if operation.endswith(_OF_CONFIGURATIONS):
        members.insert(0, "EndpointConfigName")
    for member in members:
        if member in request:
            name = str(request[member])
            return name if name.startswith("arn:") else _arn("sagemaker", f"{_SAGEMAKER[member]}/{name}")
    return "*"


def _of_ec2(query: dict[str, Any]) -> str | None:
    for member in ("GroupId", "NetworkInterfaceId", "ResourceId.1"):
        given = query.get(member)
        identity = given[0] if isinstance(given, list) else given
        if identity:
            return _ec2_arn(identity)
    return None


def _of_efs(path: str, query: dict[str, Any]) -> str | None:
    named = _FILE_SYSTEM.search(path)
    target = _MOUNT_TARGET.search(path)
    if named:
        return _arn("elasticfilesystem", f"file-system/{named[1]}")
    if target and target[1] in efs._mount_targets:
        return _arn("elasticfilesystem", f"file-system/{efs._mount_targets[target[1]]['FileSystemId']}")
    given = query.get("FileSystemId")
    identity = given[0] if isinstance(given, list) else given
    return (
        _arn("elasticfilesystem", f"file-system/{identity}") if identity and "mount-targets" in path else None
    )


def _ec2_tags() -> Iterator[tuple[str, list[dict[str, str]]]]:
    for identity, tags in ec2._tags.items():
        arn = _ec2_arn(identity)
        if arn:
            yield arn, tags


def _ec2_arn(identity: str) -> str | None:
    kind = _EC2.get(identity.partition("-")[0])
    return _arn("ec2", f"{kind}/{identity}") if kind else None


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{resource}"
