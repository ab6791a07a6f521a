"""Model packages: which versions are approved, and where one comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.api import found, pages

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Package:
    """A version of a model package group.

    Attributes:
        arn: its ARN.
        group: the group's name.
        version: its number.
        approval: ModelApprovalStatus.
        container: the first container of its inference specification.
        execution: the pipeline execution that made its model.

    """

    arn: str
    group: str
    version: int
    approval: str
    container: Mapping[str, Any]
    execution: str

    @property
    def algorithm(self) -> str:
        """The repository of its image, such as linear-learner."""
        image: str = self.container["Image"]
        return image.partition("@")[0].rpartition("/")[2].partition(":")[0]

    @property
    def bucket(self) -> str:
        """The bucket that its model lies in."""
        url: str = self.container["ModelDataUrl"]
        return url.removeprefix("s3://").partition("/")[0]


def package(sagemaker: Any, arn: str) -> Package:
    """Return a model package by its ARN."""
    return _package(sagemaker.describe_model_package(ModelPackageName=arn))


def approved(sagemaker: Any, group: str, most: int = 1) -> list[Package]:
    """Return the newest approved versions of a group that are complete, newest first, at most `most`.

    Newest is by version number: packages can be approved in any order.
    """
    if found(sagemaker.describe_model_package_group, ModelPackageGroupName=group) is None:
        return []
    listed = pages(
        sagemaker.list_model_packages,
        "ModelPackageSummaryList",
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
    )
    complete = [entry for entry in listed if entry["ModelPackageStatus"] == "Completed"]
    complete.sort(key=lambda entry: int(entry["ModelPackageVersion"]), reverse=True)
    return [package(sagemaker, entry["ModelPackageArn"]) for entry in complete[:most]]


def _package(answer: Mapping[str, Any]) -> Package:
    container = answer["InferenceSpecification"]["Containers"][0]
    return Package(
        arn=answer["ModelPackageArn"],
        group=answer["ModelPackageGroupName"],
        version=answer["ModelPackageVersion"],
        approval=answer["ModelApprovalStatus"],
        container=container,
        execution=execution_of(answer, container),
    )


def execution_of(answer: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Return the execution's id: from the package's metadata, else from where the pipeline put the model.

    Pipelines write below `s3://BUCKET/TASK/EXECUTION/`.
    """
    generated = str(answer.get("MetadataProperties", {}).get("GeneratedBy", ""))
    if "/execution/" in generated:
        return generated.rpartition("/")[2]
    placed = re.match(r"s3://[^/]+/[^/]+/([a-z0-9]{12})/", str(container.get("ModelDataUrl", "")))
    return placed[1] if placed else UNKNOWN
