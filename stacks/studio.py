"""Studio: the domain, its users, what their JupyterLab starts with, and what is left when it goes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.access import AccessStack
from stacks.base import PlatformStack
from stacks.functions import custom_resource, custom_resource_function
from stacks.names import Names
from stacks.network import NetworkStack
from stacks.policies import Allowance
from stacks.storage import StorageStack

ACCESS_TYPES = {"quick": "PublicInternetOnly", "custom": "VpcOnly"}
CODE_PARAMETER = "processing-code-uri"
_FETCH_CODE = Path(__file__).parent / "studio_fetch_code.sh"
_MANAGED = "ManagedByAmazonSageMakerResource"


class StudioStack(PlatformStack):
    """A domain in `quick` or `custom` mode with one profile a user."""

    def __init__(
        self,
        scope: Construct,
        *,
        network: NetworkStack,
        storage: StorageStack,
        access: AccessStack,
        **properties: Any,
    ) -> None:
        super().__init__(scope, "studio", **properties)
        self._network, self._storage, self._access = network, storage, access
        self.fetch_code = self._fetch_code()
        self.domain = self._domain()
        self.profiles = [self._profile(user) for user in sorted(self.settings.studio.users)]
        if self.settings.storage.on_destroy == "empty":
            self._clean_up_on_destroy()
        self.publish("studio-domain-id", self.domain.attr_domain_id, "the Studio domain")
        cdk.CfnOutput(self, "StudioUrl", value=self.domain.attr_url, description="where Studio opens")

    def _fetch_code(self) -> sagemaker.CfnStudioLifecycleConfig:
        """Let JupyterLab fetch the shipped code when it starts; the script is the same for every version."""
        script = _FETCH_CODE.read_text(encoding="utf-8")
        script = script.replace("@PARAMETER@", self.names.parameter(CODE_PARAMETER))
        return sagemaker.CfnStudioLifecycleConfig(
            self,
            "FetchCode",
            studio_lifecycle_config_name=self.names.of("fetch-code"),
            studio_lifecycle_config_app_type="JupyterLab",
            studio_lifecycle_config_content=base64.b64encode(script.encode()).decode(),
        )

    def _domain(self) -> sagemaker.CfnDomain:
        group = self._network.studio_group.security_group_id
        role = self._access.studio_role.role_arn
        domain = sagemaker.CfnDomain(
            self,
            "Domain",
            domain_name=self.names.prefix,
            auth_mode="IAM",
            app_network_access_type=ACCESS_TYPES[self.settings.studio.mode],
            vpc_id=self._network.vpc.vpc_id,
            subnet_ids=self._network.subnet_ids,
            kms_key_id=self._storage.data_key.key_id,
            tag_propagation="ENABLED",
            default_user_settings=sagemaker.CfnDomain.UserSettingsProperty(
                execution_role=role,
                security_groups=[group],
                studio_web_portal="ENABLED",
                default_landing_uri="studio::",
                jupyter_lab_app_settings=self._jupyter_lab(),
                sharing_settings=sagemaker.CfnDomain.SharingSettingsProperty(
                    notebook_output_option="Disabled"
                ),
            ),
            default_space_settings=sagemaker.CfnDomain.DefaultSpaceSettingsProperty(
                execution_role=role, security_groups=[group]
            ),
            domain_settings=sagemaker.CfnDomain.DomainSettingsProperty(
                security_group_ids=[group],
                execution_role_identity_config="USER_PROFILE_NAME",
                docker_settings=sagemaker.CfnDomain.DockerSettingsProperty(enable_docker_access="DISABLED"),
            ),
        )
        # Its users' role must be able to work from the first moment on.
        domain.node.add_dependency(self._access.studio_role)
        return domain

    def _jupyter_lab(self) -> sagemaker.CfnDomain.JupyterLabAppSettingsProperty:
        studio = self.settings.studio
        script = self.fetch_code.attr_studio_lifecycle_config_arn
        repository = sagemaker.CfnDomain.CodeRepositoryProperty(repository_url=studio.code_repository)
        return sagemaker.CfnDomain.JupyterLabAppSettingsProperty(
            lifecycle_config_arns=[script],
            default_resource_spec=sagemaker.CfnDomain.ResourceSpecProperty(
                instance_type="ml.t3.medium", lifecycle_config_arn=script
            ),
            code_repositories=[repository] if studio.code_repository else None,
            app_lifecycle_management=sagemaker.CfnDomain.AppLifecycleManagementProperty(
                idle_settings=sagemaker.CfnDomain.IdleSettingsProperty(
                    lifecycle_management="ENABLED",
                    idle_timeout_in_minutes=studio.idle_minutes,
                    min_idle_timeout_in_minutes=60,
                    max_idle_timeout_in_minutes=max(studio.idle_minutes, 60),
                )
            ),
        )

    def _profile(self, user: str) -> sagemaker.CfnUserProfile:
        return sagemaker.CfnUserProfile(
            self,
            f"User-{user}",
            domain_id=self.domain.attr_domain_id,
            user_profile_name=user,
            user_settings=sagemaker.CfnUserProfile.UserSettingsProperty(
                execution_role=self._access.studio_role.role_arn,
                security_groups=[self._network.studio_group.security_group_id],
            ),
        )

    def _clean_up_on_destroy(self) -> None:
        """Applications and spaces go before profiles and domain, file system and groups after them.

        CloudFormation deletes in the reverse order of dependencies: what depends on all goes first, what all
        depend on goes last.
        """
        first = custom_resource(
            self,
            "StudioApplications",
            self._function("studio_applications", _applications_allowances(self.names)),
            DomainId=self.domain.attr_domain_id,
            DomainArn=self.domain.attr_domain_arn,
            DomainName=self.names.prefix,
            FileSystemId=self.domain.attr_home_efs_file_system_id,
        )
        for profile in self.profiles:
            first.node.add_dependency(profile)
        last = custom_resource(
            self,
            "StudioRemains",
            self._function("studio_remains", _remains_allowances(self.names)),
            DomainName=self.names.prefix,
        )
        self.domain.node.add_dependency(last)

    def _function(self, module: str, allowances: list[Allowance]) -> Any:
        return custom_resource_function(
            self,
            "".join(part.capitalize() for part in module.split("_")) + "Function",
            module=module,
            description=f"Cleans up after Studio: {module.replace('_', ' ')}",
            key=self._network.operations_key,
            allowances=allowances,
        )


def _applications_allowances(names: Names) -> list[Allowance]:
    made_by_studio = {"StringLike": {f"aws:ResourceTag/{_MANAGED}": names.arn("sagemaker", "domain/*")}}
    return [
        Allowance(("sagemaker:ListApps", "sagemaker:ListSpaces"), ["*"], "listing knows no resource"),
        Allowance(
            ("sagemaker:DeleteApp", "sagemaker:DeleteSpace"),
            [names.arn("sagemaker", "app/*"), names.arn("sagemaker", "space/*")],
            "the domain's id and its users' names are known after their creation",
        ),
        Allowance(("ec2:DescribeSecurityGroups",), ["*"], "describing knows no resource"),
        Allowance(
            ("ec2:CreateTags",),
            [names.arn("ec2", "security-group/*")],
            "Studio makes the groups; only those by condition",
            made_by_studio,
        ),
        Allowance(
            ("elasticfilesystem:TagResource",),
            [names.arn("elasticfilesystem", "file-system/*")],
            "Studio makes the file system; only that by condition",
            made_by_studio,
        ),
    ]


def _remains_allowances(names: Names) -> list[Allowance]:
    tagged = {"StringEquals": {"aws:ResourceTag/trainyard:remains-of": names.prefix}}
    system = [names.arn("elasticfilesystem", "file-system/*")]
    return [
        Allowance(
            ("ec2:DescribeSecurityGroups", "elasticfilesystem:DescribeFileSystems"),
            ["*"],
            "to find by tag is to describe all",
        ),
        Allowance(
            ("ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
            [names.arn("ec2", "security-group/*")],
            "Studio made the groups; only the tagged ones by condition",
            tagged,
        ),
        Allowance(
            (
                "elasticfilesystem:DeleteFileSystem",
                "elasticfilesystem:DeleteMountTarget",
                "elasticfilesystem:DescribeMountTargets",
            ),
            system,
            "Studio made the file system; only the tagged one by condition",
            tagged,
        ),
        Allowance(
            ("ec2:DeleteNetworkInterface",),
            [names.arn("ec2", "network-interface/*")],
            "a mount target's deletion takes its network interface along, whose id is EFS's",
        ),
        Allowance(("ec2:DescribeNetworkInterfaces",), ["*"], "describing knows no resource"),
    ]
