"""Models, model packages, their groups and tags, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"


def containers(site: Any) -> list[dict[str, str]]:
    return [{"Image": IMAGE, "ModelDataUrl": site.put("s3://models/model.tar.gz")}]


def register(site: Any, group: str, **more: Any) -> str:
    specification = {
        "Containers": containers(site),
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification, **more}
    return str(site.sagemaker.create_model_package(**request)["ModelPackageArn"])


# --- models -------------------------------------------------------------------------------------------------


def test_a_model_is_created_described_listed_and_deleted(site: Any) -> None:
    client = site.sagemaker
    request = {"PrimaryContainer": containers(site)[0], "ExecutionRoleArn": site.role}
    arn = client.create_model(ModelName="Mine", Tags=[{"Key": "a", "Value": "b"}], **request)["ModelArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:model/mine"
    found = client.describe_model(ModelName="Mine")
    assert (found["ModelArn"], found["PrimaryContainer"]["Image"]) == (arn, IMAGE)
    assert [entry["ModelName"] for entry in client.list_models(NameContains="min")["Models"]] == ["Mine"]
    code, message = site.code(client.create_model, ModelName="Mine", **request)
    assert (code, message) == ("ValidationException", f'Cannot create already existing model "{arn}".')
    client.delete_model(ModelName="Mine")
    for call in (client.describe_model, client.delete_model):
        code, message = site.code(call, ModelName="Mine")
        assert (code, message) == ("ValidationException", f'Could not find model "{arn}".')


def test_a_model_needs_data_that_exists(site: Any) -> None:
    for container, words in (
        ({"Image": IMAGE, "ModelDataUrl": "s3://models/none.tar.gz"}, "s3://models/none.tar.gz"),
        (
            {"ModelPackageName": "arn:aws:sagemaker:us-east-1:000000000000:model-package/g/1"},
            "does not exist",
        ),
        ({"ModelDataUrl": "s3://models/none.tar.gz"}, "Image or a ModelPackageName"),
    ):
        code, message = site.code(
            site.sagemaker.create_model,
            ModelName="Without",
            PrimaryContainer=container,
            ExecutionRoleArn=site.role,
        )
        assert (code, words in message) == ("ValidationException", True)


# --- groups -------------------------------------------------------------------------------------------------


def test_a_group_is_deleted_when_it_is_empty(site: Any) -> None:
    client = site.sagemaker
    arn = client.create_model_package_group(ModelPackageGroupName="Iris", ModelPackageGroupDescription="d")
    assert arn["ModelPackageGroupArn"].endswith(":model-package-group/iris")
    assert (
        site.code(client.create_model_package_group, ModelPackageGroupName="Iris")[0] == "ValidationException"
    )
    found = client.describe_model_package_group(ModelPackageGroupName="Iris")
    assert (found["ModelPackageGroupStatus"], found["ModelPackageGroupDescription"]) == ("Completed", "d")
    package = register(site, "Iris")
    code, message = site.code(client.delete_model_package_group, ModelPackageGroupName="Iris")
    assert (code, "holds 1 model packages" in message) == ("ConflictException", True)
    client.delete_model_package(ModelPackageName=package)
    client.delete_model_package_group(ModelPackageGroupName="Iris")
    assert client.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    code, message = site.code(client.describe_model_package_group, ModelPackageGroupName="Iris")
    assert (code, "model-package-group/iris does not exist" in message) == ("ValidationException", True)


# --- packages -----------------------------------------------------------------------------------------------


def test_versions_are_counted_and_a_number_is_given_once(site: Any) -> None:
    client = site.sagemaker
    client.create_model_package_group(ModelPackageGroupName="Iris")
    first, second = register(site, "Iris"), register(site, "Iris")
    assert [arn.rpartition("model-package/")[2] for arn in (first, second)] == ["iris/1", "iris/2"]
    client.delete_model_package(ModelPackageName=second)
    assert register(site, "Iris").endswith("iris/3")
    listed = client.list_model_packages(ModelPackageGroupName="Iris")["ModelPackageSummaryList"]
    assert [entry["ModelPackageVersion"] for entry in listed] == [1, 3]
    newest = client.list_model_packages(ModelPackageGroupName="Iris", MaxResults=1)
    assert newest["ModelPackageSummaryList"] == listed[:1]
    rest = client.list_model_packages(ModelPackageGroupName="Iris", NextToken=newest["NextToken"])
    assert rest["ModelPackageSummaryList"] == listed[1:]
    assert client.list_model_packages()["ModelPackageSummaryList"] == []  # those without a group
    assert len(client.list_model_packages(ModelPackageType="Versioned")["ModelPackageSummaryList"]) == 2


def test_a_package_is_approved_with_words_and_metadata(site: Any) -> None:
    client = site.sagemaker
    client.create_model_package_group(ModelPackageGroupName="Iris")
    package = register(site, "Iris", CustomerMetadataProperties={"a": "1", "b": "2"})
    assert (
        client.describe_model_package(ModelPackageName=package)["ModelApprovalStatus"]
        == "PendingManualApproval"
    )
    client.update_model_package(
        ModelPackageArn=package,
        ModelApprovalStatus="Approved",
        ApprovalDescription="good",
        CustomerMetadataProperties={"b": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    found = client.describe_model_package(ModelPackageName=package)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "good")
    assert found["CustomerMetadataProperties"] == {"b": "3"}
    assert found["LastModifiedTime"] >= found["CreationTime"]
    approved = client.list_model_packages(ModelPackageGroupName="Iris", ModelApprovalStatus="Approved")
    assert [entry["ModelPackageArn"] for entry in approved["ModelPackageSummaryList"]] == [package]
    rejected = client.list_model_packages(ModelPackageGroupName="Iris", ModelApprovalStatus="Rejected")
    assert rejected["ModelPackageSummaryList"] == []


def test_a_package_that_cannot_be_is_refused(site: Any) -> None:
    client = site.sagemaker
    code, message = site.code(client.create_model_package, ModelPackageGroupName="None")
    assert (code, "model-package-group/none does not exist" in message) == ("ValidationException", True)
    code, message = site.code(client.create_model_package, ModelPackageName="alone")
    assert (code, "ModelPackageGroupName" in message) == ("ValidationException", True)
    none = "arn:aws:sagemaker:us-east-1:000000000000:model-package/none/1"
    for call, request in (
        (client.describe_model_package, {"ModelPackageName": none}),
        (client.update_model_package, {"ModelPackageArn": none}),
        (client.delete_model_package, {"ModelPackageName": none}),
    ):
        assert site.code(call, **request) == ("ValidationException", f"ModelPackage {none} does not exist.")


# --- tags ---------------------------------------------------------------------------------------------------


def test_tags_are_added_listed_changed_and_deleted(site: Any) -> None:
    client = site.sagemaker
    arn = client.create_model_package_group(ModelPackageGroupName="Iris")["ModelPackageGroupArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}])
    added = client.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "3"}])["Tags"]
    assert added == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    assert client.get_paginator("list_tags").paginate(ResourceArn=arn).build_full_result()["Tags"] == added
    client.delete_tags(ResourceArn=arn, TagKeys=["a", "none"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == added[1:]
    client.delete_model_package_group(ModelPackageGroupName="Iris")
    client.create_model_package_group(ModelPackageGroupName="Iris")
    assert client.list_tags(ResourceArn=arn)["Tags"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "ValidationException"),
        ([{"Key": "aws:x", "Value": "1"}], "ValidationException"),
        ([{"Key": f"key-{n}", "Value": "1"} for n in range(50)], None),
        ([{"Key": "one-more", "Value": "1"}], "ResourceLimitExceeded"),
    ],
)
def test_tags_that_are_refused(shared_site: Any, tags: list[dict[str, str]], code: str | None) -> None:
    client = shared_site.sagemaker
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/tagged"
    if not client.list_model_package_groups(NameContains="tagged")["ModelPackageGroupSummaryList"]:
        client.create_model_package_group(ModelPackageGroupName="tagged")
    before = client.list_tags(ResourceArn=arn)["Tags"]
    if code is None:
        assert len(client.add_tags(ResourceArn=arn, Tags=tags)["Tags"]) == 50
    else:
        assert shared_site.code(client.add_tags, ResourceArn=arn, Tags=tags)[0] == code
        assert client.list_tags(ResourceArn=arn)["Tags"] == before


def test_only_what_exists_bears_tags(shared_site: Any) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model/none"
    code, message = shared_site.code(shared_site.sagemaker.list_tags, ResourceArn=arn)
    assert (code, arn in message) == ("ResourceNotFound", True)


# The default of SortOrder, as botocore documents it.
@pytest.mark.parametrize(
    ("listing", "members", "make"),
    [
        ("list_model_package_groups", "ModelPackageGroupSummaryList", "create_model_package_group"),
        ("list_models", "Models", "create_model"),
    ],
)
def test_lists_are_in_the_documented_order(site: Any, listing: str, members: str, make: str) -> None:
    documented = (
        site.sagemaker.meta.service_model.operation_model(
            "".join(part.title() for part in listing.split("_"))
        )
        .input_shape.members["SortOrder"]
        .documentation
    )
    for name in ("first", "second"):
        if make == "create_model":
            container = {"Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"}
            site.sagemaker.create_model(
                ModelName=name, PrimaryContainer=container, ExecutionRoleArn=site.role
            )
        else:
            site.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    listed = [next(iter(entry.values())) for entry in getattr(site.sagemaker, listing)()[members]]
    upwards = "Ascending" in documented
    assert listed == (["first", "second"] if upwards else ["second", "first"])
