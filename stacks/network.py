"""The network: isolated subnets in two fixed zones, and the endpoints that lead out of them."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.base import PlatformStack
from stacks.functions import custom_resource, custom_resource_function, log_group
from stacks.policies import Allowance, acknowledge, allow

INTERFACE_SERVICES = (
    "ecr.api",
    "ecr.dkr",
    "events",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "sagemaker.api",
    "sagemaker.runtime",
    "servicecatalog",
    "ssm",
    "sts",
    "studio",
)
"""What a VPC-only Studio and its users call; `studio` has a name of its own kind.

Jobs need none of them: their containers have no network, and SageMaker itself pulls images, writes logs and
asks for keys. What they read and write goes through the S3 gateway endpoint, which costs nothing."""

_ENCRYPTION = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


# Port.esp() would give port numbers, which the protocol does not have.
_ESP = ec2.Port(protocol=ec2.Protocol.ESP, string_representation="ESP")


class NetworkStack(PlatformStack):
    """VPC, endpoints, security groups, flow logs, and the key for what the platform writes about itself."""

    def __init__(self, scope: Construct, **properties: Any) -> None:
        super().__init__(scope, "network", **properties)
        self.operations_key = self._operations_key()
        self.vpc = self._vpc()
        self.s3_endpoint = self._s3_endpoint()
        self.job_group = self._job_group()
        self.studio_group = self._studio_group()
        if self.settings.studio.mode == "custom":
            self._interface_endpoints()
        self._flow_logs()
        self._wait_for_interfaces_on_destroy()
        self.publish("vpc-id", self.vpc.vpc_id, "the VPC of all jobs")
        self.publish("subnet-ids", ",".join(self.subnet_ids), "its isolated subnets, one in each zone")
        self.publish(
            "job-security-group-id", self.job_group.security_group_id, "the security group of all jobs"
        )

    @property
    def availability_zones(self) -> list[str]:
        """The zones from settings: fixed, so that synthesis does not ask AWS."""
        return list(self.settings.network.availability_zones)

    @property
    def subnet_ids(self) -> list[str]:
        """The ids of the isolated subnets, in the order of the zones."""
        return [subnet.subnet_id for subnet in self.vpc.isolated_subnets]

    def _operations_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "OperationsKey",
            description="What the platform writes about itself: logs, queues, topics",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
            pending_window=cdk.Duration.days(30 if self.settings.production else 7),
        )
        groups = self.names.arn("logs", "log-group:*")
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.settings.region}.amazonaws.com")],
                actions=list(_ENCRYPTION),
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )
        # Those that put messages into encrypted queues and topics.
        for service in ("events", "cloudwatch", "scheduler", "budgets", "sns"):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=["*"],
                    conditions={"StringEquals": {"aws:SourceAccount": self.settings.account}},
                )
            )
        return key

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=self.names.prefix,
            ip_addresses=ec2.IpAddresses.cidr(self.settings.network.cidr),
            availability_zones=self.availability_zones,
            nat_gateways=0,
            create_internet_gateway=False,
            restrict_default_security_group=False,  # would be done in JavaScript; nothing uses the group
            subnet_configuration=[
                ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
            ],
        )
        acknowledge(
            vpc,
            {
                "CloudFormation-Validate::W3010": (
                    "Zones are fixed by settings, so that synthesis asks nobody and subnets never move."
                )
            },
        )
        return vpc

    def _s3_endpoint(self) -> ec2.GatewayVpcEndpoint:
        """Lead to S3, and only to this environment's buckets and to the layers of ECR's images."""
        endpoint = self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        buckets = [self.names.bucket_arn(kind) for kind in ("raw", "artifacts")]
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject",
                         "s3:ListBucket", "s3:PutObject"],
                resources=[*buckets, *(f"{bucket}/*" for bucket in buckets)],
                conditions={"StringEquals": {"aws:PrincipalAccount": self.settings.account}},
            )
        )  # fmt: skip
        layers = f"arn:{self.names.partition}:s3:::prod-{self.settings.region}-starport-layer-bucket/*"
        endpoint.add_to_policy(
            iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:GetObject"], resources=[layers])
        )
        return endpoint

    def _job_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "Jobs",
            vpc=self.vpc,
            description="Training, processing, transform and model containers",
            allow_all_outbound=False,
        )
        group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "S3, by the gateway endpoint's route alone"
        )
        # What encrypted traffic between the containers of one job needs: IKE and ESP.
        for port, what in (
            (ec2.Port.udp(500), "IKE between containers"),
            (_ESP, "ESP between containers"),
        ):
            group.add_ingress_rule(group, port, what)
            group.add_egress_rule(group, port, what)
        return group

    def _studio_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Studio", vpc=self.vpc, description="Studio applications", allow_all_outbound=False
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "endpoints; there is no other route")
        applications = ec2.Port.tcp_range(8192, 65535)
        group.add_ingress_rule(group, applications, "JupyterLab to its kernels")
        group.add_egress_rule(group, applications, "JupyterLab to its kernels")
        return group

    def _interface_endpoints(self) -> None:
        group = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, description="Interface endpoints", allow_all_outbound=False
        )
        for caller in (self.studio_group, self.job_group):
            group.add_ingress_rule(caller, ec2.Port.tcp(443), "calls to AWS")
        for service in INTERFACE_SERVICES:
            endpoint = self.vpc.add_interface_endpoint(
                service.replace(".", "-"),
                service=ec2.InterfaceVpcEndpointService(self._service_name(service), 443),
                private_dns_enabled=True,
                open=False,
                security_groups=[group],
            )
            endpoint.add_to_policy(
                iam.PolicyStatement(
                    principals=[iam.AnyPrincipal()],
                    actions=["*"],
                    resources=["*"],
                    conditions={"StringEquals": {"aws:PrincipalAccount": self.settings.account}},
                )
            )

    def _service_name(self, service: str) -> str:
        region = self.settings.region
        prefix = "aws.sagemaker" if service == "studio" else "com.amazonaws"
        return f"{prefix}.{region}.{service}"

    def _flow_logs(self) -> None:
        group = log_group(
            self, self, "FlowLogs", days=self.settings.network.flow_log_days, key=self.operations_key
        )
        role = iam.Role(
            self,
            "FlowLogsRole",
            assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"),
            description="Writes the flow logs of the VPC",
        )
        streams = group.attr_arn  # ends in :*
        allow(
            role,
            Allowance(
                ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
                [streams],
                "flow logs name their streams by network interface",
            ),
        )
        ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_id=self.vpc.vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.ref,
            deliver_logs_permission_arn=role.role_arn,
        )

    def _wait_for_interfaces_on_destroy(self) -> None:
        groups = (self.job_group, self.studio_group)
        function = custom_resource_function(
            self,
            "NetworkInterfaces",
            module="network_interfaces",
            description="Waits until SageMaker has given back its network interfaces",
            key=self.operations_key,
            allowances=[
                Allowance(("ec2:DescribeNetworkInterfaces",), ["*"], "describing knows no resource"),
                Allowance(
                    ("ec2:DeleteNetworkInterface",),
                    [self.names.arn("ec2", "network-interface/*")],
                    "SageMaker makes the interfaces; only those of this VPC by condition",
                    {"ArnEquals": {"ec2:Vpc": self.names.arn("ec2", f"vpc/{self.vpc.vpc_id}")}},
                ),
            ],
        )
        waiting = custom_resource(
            self,
            "NoNetworkInterfaces",
            function,
            SecurityGroupIds=",".join(group.security_group_id for group in groups),
        )
        # Deleted before them: what depends goes first.
        waiting.node.add_dependency(*groups, *self.vpc.isolated_subnets)
