"""Remove what a deleted Studio domain leaves behind: its file system and its two security groups.

Order: mount targets, then the file system; the groups' rules, which refer to each other, then the groups.
What cannot be removed is reported as the reason of a failed deletion, which can be repeated.
"""

from __future__ import annotations

import time
from typing import Any

import boto3
from botocore.exceptions import ClientError

from stacks.custom_resources.response import Request, Result, handler, logger
from stacks.custom_resources.studio_applications import REMAINS_TAG

_PAUSE_SECONDS = 5.0


class LeftoversError(RuntimeError):
    """Something of the domain could not be removed; the text lists it."""


def remove(ec2: Any, efs: Any, name: str, request: Request, pause: float = _PAUSE_SECONDS) -> list[str]:
    """Remove everything that carries the domain's tag and return the ids of what was removed.

    Raises:
        LeftoversError: AWS refused to remove some of it.

    """
    removed, left = [], []
    for system in _file_systems(efs, name):
        try:
            _remove_file_system(efs, system, request, pause)
            removed.append(system)
        except ClientError as error:
            left.append(f"file system {system} ({error})")
    groups = _security_groups(ec2, name)
    for group in groups:
        _revoke_rules(ec2, group)
    for group in groups:
        try:
            ec2.delete_security_group(GroupId=group["GroupId"])
            removed.append(group["GroupId"])
        except ClientError as error:
            left.append(f"security group {group['GroupId']} ({error})")
    if left:
        raise LeftoversError(f"left over from domain {name}: {'; '.join(left)}")
    return removed


def _file_systems(efs: Any, name: str) -> list[str]:
    pages = efs.get_paginator("describe_file_systems").paginate()
    wanted = {"Key": REMAINS_TAG, "Value": name}
    return [
        system["FileSystemId"] for page in pages for system in page["FileSystems"] if wanted in system["Tags"]
    ]


def _remove_file_system(efs: Any, system: str, request: Request, pause: float) -> None:
    targets = efs.describe_mount_targets(FileSystemId=system)["MountTargets"]
    for target in targets:
        efs.delete_mount_target(MountTargetId=target["MountTargetId"])
    while targets:
        request.check_time(f"mount targets of file system {system}")
        time.sleep(pause)
        targets = efs.describe_mount_targets(FileSystemId=system)["MountTargets"]
    efs.delete_file_system(FileSystemId=system)


def _security_groups(ec2: Any, name: str) -> list[dict[str, Any]]:
    filters = [{"Name": f"tag:{REMAINS_TAG}", "Values": [name]}]
    groups: list[dict[str, Any]] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return groups


def _revoke_rules(ec2: Any, group: dict[str, Any]) -> None:
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])


def _work(request: Request) -> Result:
    name = request.properties["DomainName"]
    if request.kind == "Delete":
        removed = remove(boto3.client("ec2"), boto3.client("efs"), name, request)
        logger.info("removed %s; nothing of domain %s is left over", ", ".join(removed) or "nothing", name)
    return Result(f"remains-of-{name}")


handle = handler(_work)
