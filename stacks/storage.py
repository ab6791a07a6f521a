"""Storage: raw data, artifacts and access logs, and the key that encrypts the data."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.base import PlatformStack
from stacks.functions import PythonFunction, custom_resource, custom_resource_function
from stacks.network import NetworkStack
from stacks.policies import Allowance, acknowledge

_OBJECT_ACTIONS = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
)
_INFREQUENT_AFTER_DAYS = 30


class StorageStack(PlatformStack):
    """The buckets `raw`, `artifacts` and `logs`."""

    def __init__(self, scope: Construct, *, network: NetworkStack, **properties: Any) -> None:
        super().__init__(scope, "storage", **properties)
        self._network = network
        self.data_key = kms.Key(
            self,
            "DataKey",
            description="Raw data, artifacts, volumes of jobs, Studio's file system",
            enable_key_rotation=True,
            removal_policy=self.removal_policy,
            pending_window=cdk.Duration.days(30 if self.settings.production else 7),
        )
        self._emptier = self._emptying_function()
        self._logs = self._log_bucket()
        self.raw = self._data_bucket("raw", self._raw_rules())
        self.artifacts = self._data_bucket("artifacts", self._artifact_rules())
        self.publish("raw-bucket", self.raw.bucket_name, "where raw data goes, below TASK/")
        self.publish(
            "artifact-bucket", self.artifacts.bucket_name, "what executions write, below TASK/EXECUTION/"
        )
        self.publish("data-key-arn", self.data_key.key_arn, "the key of all data")

    def _data_bucket(self, kind: str, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            kind.capitalize(),
            bucket_name=self.names.bucket(kind),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.data_key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=rules,
            server_access_logs_bucket=self._logs,
            server_access_logs_prefix=f"{kind}/",
            event_bridge_enabled=False,
            removal_policy=self.removal_policy,
        )
        self._refuse_other_encryption(bucket)
        if self.settings.studio.mode == "custom":
            self._admit_only_the_vpc(bucket)
        if self._emptier is not None:
            self._empty_on_destroy(bucket, kind)
        return bucket

    def _log_bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Logs",
            bucket_name=self.names.bucket("logs"),
            # S3 delivers access logs only to buckets that it encrypts with its own keys.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="access-logs",
                    expiration=cdk.Duration.days(self.settings.retention.log_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                )
            ],
            removal_policy=self.removal_policy,
        )
        acknowledge(
            bucket,
            {"AwsSolutions-S1": "This is where the others' access logs go; its own would never end."},
        )
        if self._emptier is not None:
            emptying = self._empty_on_destroy(bucket, "logs")
            # Deleted first, the policy stops further deliveries; then the bucket is emptied for good.
            assert bucket.policy is not None
            bucket.policy.node.add_dependency(emptying)
        return bucket

    def _raw_rules(self) -> list[s3.LifecycleRule]:
        return [
            s3.LifecycleRule(
                id="raw-data",
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                        transition_after=cdk.Duration.days(_INFREQUENT_AFTER_DAYS),
                    )
                ],
                noncurrent_version_expiration=cdk.Duration.days(self.settings.retention.noncurrent_days),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(2),
            )
        ]

    def _artifact_rules(self) -> list[s3.LifecycleRule]:
        """Return a rule for each class: executions by task, the rest (code, answers) kept."""
        retention = self.settings.retention
        expiry = cdk.Duration.days(retention.execution_days) if retention.execution_days else None
        executions = [
            s3.LifecycleRule(
                id=f"executions-{task}",
                prefix=f"{task}/",
                expiration=expiry,
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                        transition_after=cdk.Duration.days(_INFREQUENT_AFTER_DAYS),
                    )
                ],
            )
            for task in sorted(self.settings.tasks)
        ]
        superseded = s3.LifecycleRule(
            id="superseded-versions",
            noncurrent_version_expiration=cdk.Duration.days(retention.noncurrent_days),
            abort_incomplete_multipart_upload_after=cdk.Duration.days(2),
        )
        return [*executions, superseded]

    def _refuse_other_encryption(self, bucket: s3.Bucket) -> None:
        """Refuse uploads under another key; without a header the bucket's default encrypts them.

        A key that a request lacks makes StringNotEquals true, with IfExists or without: only Null tells it.
        """
        for key, value in (
            ("s3:x-amz-server-side-encryption", "aws:kms"),
            ("s3:x-amz-server-side-encryption-aws-kms-key-id", self.data_key.key_arn),
        ):
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=["s3:PutObject"],
                    resources=[bucket.arn_for_objects("*")],
                    conditions={"Null": {key: "false"}, "StringNotEquals": {key: value}},
                )
            )

    def _admit_only_the_vpc(self, bucket: s3.Bucket) -> None:
        """Refuse whoever does not come through the VPC's endpoint, but for those that never can.

        SageMaker itself reads property files with the pipelines' roles, and functions run outside of the VPC.
        """
        outside = [
            self.names.role_arn("*", "pipeline"),
            self.names.role_arn("function", "*"),
            *self.settings.storage.outside_principals,
        ]
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OnlyThroughTheVpc",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(_OBJECT_ACTIONS),
                resources=[bucket.arn_for_objects("*")],
                conditions={
                    "StringNotEquals": {"aws:sourceVpce": self._network.s3_endpoint.vpc_endpoint_id},
                    "ArnNotLike": {"aws:PrincipalArn": outside},
                    "Bool": {"aws:PrincipalIsAWSService": "false"},
                },
            )
        )

    def _emptying_function(self) -> PythonFunction | None:
        if self.settings.storage.on_destroy == "retain":
            return None
        buckets = [self.names.bucket_arn(kind) for kind in ("raw", "artifacts", "logs")]
        reason = "to empty a bucket is to delete every object in it; only where settings say so"
        return custom_resource_function(
            self,
            "EmptyBucket",
            module="empty_bucket",
            description="Empties buckets before they are deleted",
            key=self._network.operations_key,
            allowances=[
                Allowance(("s3:ListBucketMultipartUploads", "s3:ListBucketVersions"), buckets, reason),
                Allowance(
                    ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion"),
                    [f"{bucket}/*" for bucket in buckets],
                    reason,
                ),
            ],
        )

    def _empty_on_destroy(self, bucket: s3.Bucket, kind: str) -> cdk.CustomResource:
        assert self._emptier is not None
        return custom_resource(self, f"Empty{kind.capitalize()}", self._emptier, Bucket=bucket.bucket_name)
