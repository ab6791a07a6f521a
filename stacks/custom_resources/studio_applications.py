"""Clear a Studio domain before CloudFormation deletes its user profiles and itself.

Order: applications, then the spaces they ran in; CloudFormation goes on with profiles and domain. While the
domain exists, its file system and security groups get a tag by which `studio_remains` finds them afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3

from stacks.custom_resources.response import Request, Result, handler, logger

REMAINS_TAG = "trainyard:remains-of"
"""Tag on what Studio creates outside of CloudFormation; its value is the domain's name."""

_MANAGED_TAG = "ManagedByAmazonSageMakerResource"
_GONE = ("Deleted", "Failed")
_PAUSE_SECONDS = 5.0


def tag_remains(ec2: Any, efs: Any, *, file_system: str, domain_arn: str, name: str) -> None:
    """Mark the file system and security groups that Studio made for the domain."""
    efs.tag_resource(ResourceId=file_system, Tags=[{"Key": REMAINS_TAG, "Value": name}])
    filters = [{"Name": f"tag:{_MANAGED_TAG}", "Values": [domain_arn]}]
    groups = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    if groups:
        identifiers = [group["GroupId"] for group in groups]
        ec2.create_tags(Resources=identifiers, Tags=[{"Key": REMAINS_TAG, "Value": name}])


def clear(sagemaker: Any, domain: str, request: Request, pause: float = _PAUSE_SECONDS) -> None:
    """Delete all applications, wait until they are gone, then all spaces, and wait again."""
    for application in _applications(sagemaker, domain):
        if application["Status"] != "Deleting":
            owner = {
                key: application[key] for key in ("SpaceName", "UserProfileName") if application.get(key)
            }
            sagemaker.delete_app(
                DomainId=domain, AppType=application["AppType"], AppName=application["AppName"], **owner
            )
    while remaining := [application["AppName"] for application in _applications(sagemaker, domain)]:
        request.check_time(f"applications {', '.join(remaining)}")
        time.sleep(pause)
    for space in _spaces(sagemaker, domain):
        if space["Status"] != "Deleting":
            sagemaker.delete_space(DomainId=domain, SpaceName=space["SpaceName"])
    while remaining := [space["SpaceName"] for space in _spaces(sagemaker, domain)]:
        request.check_time(f"spaces {', '.join(remaining)}")
        time.sleep(pause)


def _applications(sagemaker: Any, domain: str) -> Iterator[dict[str, Any]]:
    for page in sagemaker.get_paginator("list_apps").paginate(DomainIdEquals=domain):
        yield from (application for application in page["Apps"] if application["Status"] not in _GONE)


def _spaces(sagemaker: Any, domain: str) -> Iterator[dict[str, Any]]:
    for page in sagemaker.get_paginator("list_spaces").paginate(DomainIdEquals=domain):
        yield from page["Spaces"]


def _work(request: Request) -> Result:
    properties = request.properties
    if request.kind == "Delete":
        clear(boto3.client("sagemaker"), properties["DomainId"], request)
        logger.info("no applications and spaces are left in %s", properties["DomainId"])
    else:
        tag_remains(
            boto3.client("ec2"),
            boto3.client("efs"),
            file_system=properties["FileSystemId"],
            domain_arn=properties["DomainArn"],
            name=properties["DomainName"],
        )
    return Result(f"clears-{properties['DomainId']}")


handle = handler(_work)
