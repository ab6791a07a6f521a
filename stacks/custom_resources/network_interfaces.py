"""Wait until SageMaker has given back its network interfaces before CloudFormation deletes the network.

Models, jobs and Studio applications in the VPC keep theirs for minutes after they are gone; until then their
subnets and security groups cannot be deleted. Interfaces that are attached to nothing any more are deleted.
"""

from __future__ import annotations

import time
from typing import Any

import boto3

from stacks.custom_resources.response import Request, Result, handler, logger

_PAUSE_SECONDS = 10.0


def clear(ec2: Any, groups: list[str], request: Request, pause: float = _PAUSE_SECONDS) -> int:
    """Wait until no interface is in any of the security groups; return how many were deleted here."""
    deleted = 0
    while found := _interfaces(ec2, groups):
        for interface in found:
            if interface["Status"] == "available":
                ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
                deleted += 1
        if all(interface["Status"] == "available" for interface in found):
            continue
        named = ", ".join(f"{one['NetworkInterfaceId']} ({one.get('Description', '')})" for one in found)
        request.check_time(f"network interfaces {named}")
        time.sleep(pause)
    return deleted


def _interfaces(ec2: Any, groups: list[str]) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "group-id", "Values": groups}]
    )
    return [interface for page in pages for interface in page["NetworkInterfaces"]]


def _work(request: Request) -> Result:
    groups = request.properties["SecurityGroupIds"].split(",")
    if request.kind == "Delete":
        deleted = clear(boto3.client("ec2"), groups, request)
        logger.info("no network interface is in %s any more; %d deleted", ", ".join(groups), deleted)
    return Result(f"clears-{groups[0]}")


handle = handler(_work)
