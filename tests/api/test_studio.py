"""Domains, user profiles, spaces and apps: kept as records, deleted in AWS's order."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def domain(site: Any) -> str:
    made = site.sagemaker.create_domain(
        DomainName="studio",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": site.role},
        SubnetIds=["subnet-1"],
        VpcId="vpc-1",
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert made["DomainArn"].endswith(f":domain/{made['DomainId']}")
    return str(made["DomainId"])


def test_a_domain_is_described_listed_and_updated(site: Any, domain: str) -> None:
    client = site.sagemaker
    found = client.describe_domain(DomainId=domain)
    assert (found["DomainName"], found["Status"], found["AuthMode"]) == ("studio", "InService", "IAM")
    assert [entry["DomainId"] for entry in client.list_domains()["Domains"]] == [domain]
    client.update_domain(DomainId=domain, AppNetworkAccessType="VpcOnly")
    assert client.describe_domain(DomainId=domain)["AppNetworkAccessType"] == "VpcOnly"
    assert client.list_tags(ResourceArn=found["DomainArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    code, _ = site.code(
        client.create_domain,
        DomainName="studio",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": site.role},
    )
    assert code == "ResourceInUse"


def test_deletion_goes_from_apps_over_spaces_and_profiles_to_the_domain(site: Any, domain: str) -> None:
    client = site.sagemaker
    profile = {"DomainId": domain, "UserProfileName": "ada"}
    space = {"DomainId": domain, "SpaceName": "lab"}
    app = {**space, "AppType": "JupyterLab", "AppName": "default"}
    client.create_user_profile(**profile)
    client.create_space(
        **space,
        OwnershipSettings={"OwnerUserProfileName": "ada"},
        SpaceSharingSettings={"SharingType": "Private"},
    )
    client.create_app(**app)
    for call, request, words in (
        (client.delete_domain, {"DomainId": domain}, "apps associated"),
        (client.delete_space, space, "apps associated"),
        (client.delete_user_profile, profile, "spaces associated"),
    ):
        code, message = site.code(call, **request)
        assert (code, words in message) == ("ResourceInUse", True)
    client.delete_app(**app)
    assert client.describe_app(**app)["Status"] == "Deleted"
    assert site.code(client.delete_app, **app)[0] == "ResourceNotFound"
    assert "spaces" in site.code(client.delete_domain, DomainId=domain)[1]
    client.delete_space(**space)
    assert "user profiles" in site.code(client.delete_domain, DomainId=domain)[1]
    client.delete_user_profile(**profile)
    client.delete_domain(DomainId=domain)
    assert client.list_domains()["Domains"] == []
    assert client.list_apps()["Apps"] == []


def test_what_is_in_a_domain_is_described_listed_and_updated(site: Any, domain: str) -> None:
    client = site.sagemaker
    for name in ("ada", "bob", "adam"):
        client.create_user_profile(DomainId=domain, UserProfileName=name)
    client.create_space(DomainId=domain, SpaceName="lab")
    names = client.list_user_profiles(DomainIdEquals=domain, UserProfileNameContains="ada")["UserProfiles"]
    assert [entry["UserProfileName"] for entry in names] == ["ada", "adam"]
    assert client.list_user_profiles(DomainIdEquals="d-none")["UserProfiles"] == []
    assert [entry["SpaceName"] for entry in client.list_spaces(SpaceNameContains="LA")["Spaces"]] == ["lab"]
    client.update_user_profile(
        DomainId=domain, UserProfileName="ada", UserSettings={"ExecutionRole": site.role}
    )
    found = client.describe_user_profile(DomainId=domain, UserProfileName="ada")
    assert (found["UserSettings"]["ExecutionRole"], found["Status"]) == (site.role, "InService")
    client.update_space(DomainId=domain, SpaceName="lab", SpaceDisplayName="The lab")
    assert client.describe_space(DomainId=domain, SpaceName="lab")["SpaceDisplayName"] == "The lab"
    app = {"DomainId": domain, "UserProfileName": "ada", "AppType": "JupyterServer", "AppName": "default"}
    arn = client.create_app(**app)["AppArn"]
    assert arn.endswith(f":app/{domain}/ada/jupyterserver/default")
    assert site.code(client.create_app, **app)[0] == "ResourceInUse"
    assert len(client.list_apps(UserProfileNameEquals="ada")["Apps"]) == 1
    assert client.list_apps(UserProfileNameEquals="bob")["Apps"] == []
    client.delete_app(**app)
    client.create_app(**app)
    assert client.describe_app(**app)["Status"] == "InService"


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("describe_domain", {"DomainId": "d-none"}),
        ("update_domain", {"DomainId": "d-none"}),
        ("delete_domain", {"DomainId": "d-none"}),
        ("create_user_profile", {"DomainId": "d-none", "UserProfileName": "a"}),
        ("describe_user_profile", {"DomainId": "d-none", "UserProfileName": "a"}),
        ("update_user_profile", {"DomainId": "d-none", "UserProfileName": "a"}),
        ("delete_user_profile", {"DomainId": "d-none", "UserProfileName": "a"}),
        ("create_space", {"DomainId": "d-none", "SpaceName": "a"}),
        ("describe_space", {"DomainId": "d-none", "SpaceName": "a"}),
        ("update_space", {"DomainId": "d-none", "SpaceName": "a"}),
        ("delete_space", {"DomainId": "d-none", "SpaceName": "a"}),
        ("create_app", {"DomainId": "d-none", "SpaceName": "a", "AppType": "JupyterLab", "AppName": "b"}),
        ("delete_app", {"DomainId": "d-none", "SpaceName": "a", "AppType": "JupyterLab", "AppName": "b"}),
    ],
)
def test_what_does_not_exist_is_said_to_be_missing(
    shared_site: Any, operation: str, request_: dict[str, str]
) -> None:
    code, message = shared_site.code(getattr(shared_site.sagemaker, operation), **request_)
    assert (code, "d-none" in message) == ("ResourceNotFound", True)


def test_a_lifecycle_configuration_is_kept_until_it_is_deleted(shared_site: Any) -> None:
    client = shared_site.sagemaker
    name = {"StudioLifecycleConfigName": "fetch-code"}
    asked = {**name, "StudioLifecycleConfigAppType": "JupyterLab", "StudioLifecycleConfigContent": "c2V0"}
    made = client.create_studio_lifecycle_config(**asked)
    found = client.describe_studio_lifecycle_config(**name)
    assert found["StudioLifecycleConfigArn"] == made["StudioLifecycleConfigArn"]
    assert found["StudioLifecycleConfigContent"] == "c2V0"
    assert client.list_studio_lifecycle_configs()["StudioLifecycleConfigs"]
    assert shared_site.code(client.create_studio_lifecycle_config, **asked)[0] == "ResourceInUse"
    client.delete_studio_lifecycle_config(**name)
    assert not client.list_studio_lifecycle_configs()["StudioLifecycleConfigs"]
