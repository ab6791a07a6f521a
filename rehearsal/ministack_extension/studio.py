"""Studio: the domain with what it makes besides, user profiles and lifecycle configurations."""

from __future__ import annotations

from clients import client
from kind import Kind, Made, Properties

_MANAGED = "ManagedByAmazonSageMakerResource"
_GROUPS = ("inbound", "outbound")


def _create_domain(properties: Properties) -> Made:
    made = client("sagemaker").create_domain(**properties)
    arn, identity = made["DomainArn"], made["DomainId"]
    home = _file_system(arn, properties["SubnetIds"][0])
    _security_groups(arn, identity, properties["VpcId"])
    return identity, {
        "DomainArn": arn,
        "DomainId": identity,
        "HomeEfsFileSystemId": home,
        "Url": made["Url"],
    }


def _file_system(domain: str, subnet: str) -> str:
    """Make what Studio keeps home directories on; it stays when the domain goes, as on AWS."""
    efs = client("efs")
    made = efs.create_file_system(CreationToken=domain, Tags=[{"Key": _MANAGED, "Value": domain}])
    identity: str = made["FileSystemId"]
    efs.create_mount_target(FileSystemId=identity, SubnetId=subnet)
    return identity


def _security_groups(domain: str, identity: str, vpc: str) -> None:
    """Make the two groups between Studio and its file system; they stay as well."""
    ec2 = client("ec2")
    for direction in _GROUPS:
        name = f"security-group-for-{direction}-nfs-{identity}"
        made = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        ec2.create_tags(Resources=[made["GroupId"]], Tags=[{"Key": _MANAGED, "Value": domain}])


def _update_domain(identity: str, properties: Properties) -> dict[str, str]:
    taken = ("DefaultUserSettings", "DefaultSpaceSettings", "SubnetIds", "AppNetworkAccessType")
    client("sagemaker").update_domain(
        DomainId=identity, **{key: properties[key] for key in taken if key in properties}
    )
    found = client("sagemaker").describe_domain(DomainId=identity)
    return {"DomainArn": found["DomainArn"], "DomainId": identity, "Url": found["Url"]}


def _delete_domain(identity: str, _properties: Properties) -> None:
    client("sagemaker").delete_domain(DomainId=identity)


def _create_profile(properties: Properties) -> Made:
    arn = client("sagemaker").create_user_profile(**properties)["UserProfileArn"]
    return f"{properties['UserProfileName']}|{properties['DomainId']}", {"UserProfileArn": arn}


def _delete_profile(_identity: str, properties: Properties) -> None:
    client("sagemaker").delete_user_profile(
        DomainId=properties["DomainId"], UserProfileName=properties["UserProfileName"]
    )


def _create_config(properties: Properties) -> Made:
    arn = client("sagemaker").create_studio_lifecycle_config(**properties)["StudioLifecycleConfigArn"]
    return properties["StudioLifecycleConfigName"], {"StudioLifecycleConfigArn": arn}


def _delete_config(name: str, _properties: Properties) -> None:
    client("sagemaker").delete_studio_lifecycle_config(StudioLifecycleConfigName=name)


DOMAIN = Kind(_create_domain, _delete_domain, _update_domain)
USER_PROFILE = Kind(_create_profile, _delete_profile)
LIFECYCLE_CONFIG = Kind(_create_config, _delete_config)
