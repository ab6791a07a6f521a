"""Model packages and their groups: the registry, and the approval that starts a deployment."""

from __future__ import annotations

import json
from typing import Any

from local.api.errors import conflict, invalid
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn
from local.errors import LocalError
from local.records import Row

STATE_EVENT = "SageMaker Model Package State Change"
_GROUP_NAME = "ModelPackageGroupName"
_PENDING = "PendingManualApproval"


# --- groups -------------------------------------------------------------------------------------------------


def _group(service: Service, name_or_arn: str) -> Row:
    own = arn("model-package-group", name_or_arn.rpartition("/")[2].lower())
    rows = service.records.rows("SELECT * FROM model_package_groups WHERE arn = ?", own)
    if not rows:
        raise invalid(f"ModelPackageGroup {own} does not exist.")
    return rows[0]


@operation("CreateModelPackageGroup")
def create_group(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make an empty group."""
    name = request[_GROUP_NAME]
    own = arn("model-package-group", name.lower())
    if service.records.rows("SELECT name FROM model_package_groups WHERE arn = ?", own):
        raise invalid(f"Model Package Group already exists: {own}")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    service.records.insert(
        "model_package_groups",
        {"name": name, "arn": own, "created": service.clock(), "request": json.dumps(kept)},
    )
    service.tags.add(own, request.get("Tags", []))
    return {"ModelPackageGroupArn": own}


def _group_summary(row: Row) -> dict[str, Any]:
    return {
        **json.loads(row["request"]),
        _GROUP_NAME: row["name"],
        "ModelPackageGroupArn": row["arn"],
        "CreationTime": row["created"],
        "ModelPackageGroupStatus": "Completed",
    }


@operation("DescribeModelPackageGroup")
def describe_group(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a group."""
    return {**_group_summary(_group(service, request[_GROUP_NAME])), "CreatedBy": {}}


@operation("ListModelPackageGroups")
def list_groups(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return groups, oldest first."""
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        return {"ModelPackageGroupSummaryList": []}
    items = [_group_summary(row) for row in service.records.rows("SELECT * FROM model_package_groups")]
    shown, more = page(
        request,
        wanted(request, items, _GROUP_NAME),
        sort={"CreationTime": lambda item: item["CreationTime"], "Name": lambda item: item[_GROUP_NAME]},
        identity=lambda item: item[_GROUP_NAME],
        order="Ascending",
    )
    return {"ModelPackageGroupSummaryList": shown, **more}


@operation("DeleteModelPackageGroup")
def delete_group(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a group that is empty."""
    row = _group(service, request[_GROUP_NAME])
    held = service.records.model_packages(row["name"])
    if held:
        raise conflict(
            f"Model package group {row['arn']} holds {len(held)} model packages; delete those first"
        )
    service.records.delete("model_package_groups", {"name": row["name"]})
    service.tags.clear(row["arn"])
    return {}


# --- packages -----------------------------------------------------------------------------------------------


def package(service: Service, name_or_arn: str) -> Row:
    """Return a model package's row by its ARN or `GROUP/VERSION`.

    Raises:
        ServiceError: ValidationException, as on AWS, where there is none.

    """
    given = name_or_arn if name_or_arn.startswith("arn:") else arn("model-package", name_or_arn.lower())
    rows = service.records.rows("SELECT * FROM model_packages WHERE arn = ?", given)
    if not rows:
        raise invalid(f"ModelPackage {given} does not exist.")
    return rows[0]


@operation("CreateModelPackage")
def create_package(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Register the next version of a group."""
    if _GROUP_NAME not in request or "ModelPackageName" in request:
        raise invalid(
            f"give {_GROUP_NAME} and no ModelPackageName: packages without a group are not kept here"
        )
    group = _group(service, request[_GROUP_NAME])
    if request.get("Tags"):
        raise invalid("Tags cannot be set on a version of a model package group; tag the group")
    _require_data(service, request)
    kept = {key: value for key, value in request.items() if key not in ("ClientToken", "ModelApprovalStatus")}
    approval = request.get("ModelApprovalStatus", _PENDING)
    made = service.records.add_model_package(group["name"], kept, approval, None, None)
    announce(service, made)
    return {"ModelPackageArn": made}


def _require_data(service: Service, request: dict[str, Any]) -> None:
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        uri = container.get("ModelDataUrl")
        try:
            if uri and not service.state.objects.path(uri).is_file():
                raise invalid(f"Could not find model data at {uri}.")
        except LocalError as error:
            raise invalid(str(error)) from None


def _description(row: Row) -> dict[str, Any]:
    return {
        **json.loads(row["request"]),
        **json.loads(row["description"]),
        "ModelPackageName": f"{row['model_package_group'].lower()}/{row['version']}",
        _GROUP_NAME: row["model_package_group"],
        "ModelPackageVersion": row["version"],
        "ModelPackageArn": row["arn"],
        "CreationTime": row["created"],
        "LastModifiedTime": row["modified"] or row["created"],
        "ModelPackageStatus": row["status"],
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "ModelApprovalStatus": row["approval_status"],
        "CertifyForMarketplace": False,
    }


def _generated(service: Service, row: Row) -> dict[str, Any]:
    """Return which execution registered a package, as pipelines note it."""
    if row["execution"] is None:
        return {}
    return {"MetadataProperties": {"GeneratedBy": service.records.execution(row["execution"])["arn"]}}


@operation("DescribeModelPackage")
def describe_package(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a model package."""
    row = package(service, request["ModelPackageName"])
    return {**_generated(service, row), **_description(row)}


@operation("ListModelPackages")
def list_packages(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return model packages (of one group), oldest first."""
    name = request.get(_GROUP_NAME)
    group = _group(service, name)["name"] if name else None
    if request.get("ModelPackageType") == "Unversioned" or (
        group is None and request.get("ModelPackageType") is None
    ):
        return {"ModelPackageSummaryList": []}  # the packages without a group, of which there are none here
    approval = request.get("ModelApprovalStatus")
    items = [
        _description(row)
        for row in service.records.model_packages(group)
        if approval in (None, row["approval_status"])
    ]
    shown, more = page(
        request,
        wanted(request, items, "ModelPackageName"),
        sort={
            "CreationTime": lambda item: item["CreationTime"],
            "Name": lambda item: item["ModelPackageName"],
        },
        identity=lambda item: f"{item[_GROUP_NAME]}/{item['ModelPackageVersion']:09d}",
        order="Ascending",
    )
    return {"ModelPackageSummaryList": shown, **more}


@operation("UpdateModelPackage")
def update_package(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Change a package: its approval, which is told on the bus, or what it says about itself."""
    row = package(service, request["ModelPackageArn"])
    description = {**json.loads(row["request"]), **json.loads(row["description"])}
    changed = {
        name: request[name]
        for name in (
            "ApprovalDescription",
            "ModelPackageRegistrationType",
            "InferenceSpecification",
            "SourceUri",
            "ModelCard",
            "ModelLifeCycle",
        )
        if name in request
    }
    metadata = {
        **description.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        metadata.pop(key, None)
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    specifications = [*description.get("AdditionalInferenceSpecifications", []), *added]
    service.records.update(
        "model_packages",
        {"arn": row["arn"]},
        {
            "description": json.dumps(
                {
                    **json.loads(row["description"]),
                    **changed,
                    "CustomerMetadataProperties": metadata,
                    "AdditionalInferenceSpecifications": specifications,
                }
            ),
            "approval_status": request.get("ModelApprovalStatus", row["approval_status"]),
            "modified": service.clock(),
        },
    )
    if request.get("ModelApprovalStatus", row["approval_status"]) != row["approval_status"]:
        announce(service, row["arn"])
    return {"ModelPackageArn": row["arn"]}


@operation("DeleteModelPackage")
def delete_package(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a model package; its number is not given again."""
    row = package(service, request["ModelPackageName"])
    service.records.delete("model_packages", {"arn": row["arn"]})
    service.tags.clear(row["arn"])
    return {}


def announce(service: Service, package_arn: str) -> None:
    """Tell the bus the state of a model package, as the service tells EventBridge."""
    service.events.put(STATE_EVENT, _description(package(service, package_arn)), (package_arn,))
