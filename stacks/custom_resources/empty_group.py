"""Delete the model packages of a group before CloudFormation deletes the group, which must be empty."""

from __future__ import annotations

from typing import Any

import boto3

from stacks.custom_resources.response import Request, Result, handler, logger


def empty(sagemaker: Any, group: str, request: Request) -> int:
    """Delete all model packages of `group` and return how many there were."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    packages = [package["ModelPackageArn"] for page in pages for package in page["ModelPackageSummaryList"]]
    for number, package in enumerate(packages):
        request.check_time(f"{len(packages) - number} model packages of {group}")
        sagemaker.delete_model_package(ModelPackageName=package)
    return len(packages)


def _work(request: Request) -> Result:
    group = request.properties["ModelPackageGroupName"]
    if request.kind == "Delete":
        logger.info("deleted %d packages of %s", empty(boto3.client("sagemaker"), group, request), group)
    return Result(f"empties-{group}")


handle = handler(_work)
