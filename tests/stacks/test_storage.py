"""What storage promises."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


def bucket_policies(platform: Any) -> dict[str, list[dict[str, Any]]]:
    """Return each bucket's name with the statements of its policy."""
    buckets = platform.resources("storage", "AWS::S3::Bucket")
    policies = platform.properties("storage", "AWS::S3::BucketPolicy")
    return {
        buckets[policy["Bucket"]["Ref"]]["Properties"]["BucketName"].split("-")[2]: policy["PolicyDocument"][
            "Statement"
        ]
        for policy in policies
    }


def test_no_bucket_can_be_read_without_tls(both: Any) -> None:
    for platform in both:
        policies = bucket_policies(platform)
        assert policies.keys() == {"raw", "artifacts", "logs"}
        for statements in policies.values():
            plain = [
                s for s in statements if s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            ]
            assert [(s["Effect"], s["Action"], s["Principal"]) for s in plain] == [
                ("Deny", "s3:*", {"AWS": "*"})
            ]


def test_no_bucket_is_public(both: Any) -> None:
    for platform in both:
        for bucket in platform.properties("storage", "AWS::S3::Bucket"):
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
            assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_data_is_encrypted_with_the_platforms_own_key_that_turns_every_year(both: Any) -> None:
    for platform in both:
        data = [
            b for b in platform.properties("storage", "AWS::S3::Bucket") if "-logs-" not in b["BucketName"]
        ]
        assert len(data) == 2
        for bucket in data:
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
            assert rule["BucketKeyEnabled"] is True
        assert platform.only("storage", "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_data_cannot_be_written_under_another_key(dev: Any) -> None:
    for kind in ("raw", "artifacts"):
        denied = [s for s in bucket_policies(dev)[kind] if s["Action"] == "s3:PutObject"]
        keys = {key for s in denied for key in s["Condition"]["StringNotEquals"]}
        assert keys == {
            "s3:x-amz-server-side-encryption",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
        }


def test_data_written_without_naming_a_key_is_not_refused_and_the_buckets_default_encrypts_it(
    dev: Any,
) -> None:
    for kind in ("raw", "artifacts"):
        for denied in (s for s in bucket_policies(dev)[kind] if s["Action"] == "s3:PutObject"):
            condition = denied["Condition"]
            # IAM takes a condition on a missing key for true; only Null asks whether it is there.
            assert condition["Null"] == dict.fromkeys(condition["StringNotEquals"], "false")


def test_every_access_to_data_is_logged(both: Any) -> None:
    for platform in both:
        for bucket in platform.properties("storage", "AWS::S3::Bucket"):
            assert ("LoggingConfiguration" in bucket) == ("-logs-" not in bucket["BucketName"])


def test_where_studio_is_vpc_only_so_is_the_data(dev: Any, prod: Any) -> None:
    assert not any(s.get("Sid") == "OnlyThroughTheVpc" for p in bucket_policies(dev).values() for s in p)
    for kind in ("raw", "artifacts"):
        (only,) = [s for s in bucket_policies(prod)[kind] if s.get("Sid") == "OnlyThroughTheVpc"]
        assert only["Effect"] == "Deny"
        assert "aws:sourceVpce" in only["Condition"]["StringNotEquals"]
        assert only["Condition"]["ArnNotLike"]["aws:PrincipalArn"] == [
            "arn:aws:iam::444455556666:role/trainyard-prod-*-pipeline",
            "arn:aws:iam::444455556666:role/trainyard-prod-function-*",
            "arn:aws:iam::444455556666:role/trainyard-data-loader",
        ]


def test_overwritten_data_can_be_had_back_for_as_long_as_settings_say(both: Any) -> None:
    for platform, days in zip(both, (7, 90), strict=True):
        for bucket in platform.properties("storage", "AWS::S3::Bucket"):
            assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        artifacts = platform.only("storage", "AWS::S3::Bucket", BucketName=_name(platform, "artifacts"))
        rules = {rule["Id"]: rule for rule in artifacts["LifecycleConfiguration"]["Rules"]}
        assert rules["superseded-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}


def test_executions_expire_in_dev_and_models_stay_in_prod(dev: Any, prod: Any) -> None:
    def expiry(platform: Any) -> list[int | None]:
        bucket = platform.only("storage", "AWS::S3::Bucket", BucketName=_name(platform, "artifacts"))
        rules = bucket["LifecycleConfiguration"]["Rules"]
        return [rule.get("ExpirationInDays") for rule in rules if rule["Id"].startswith("executions-")]

    assert expiry(dev) == [60, 60]
    assert expiry(prod) == [None, None]


def test_destroy_empties_buckets_in_dev_and_keeps_them_in_prod(dev: Any, prod: Any) -> None:
    kept = {r["DeletionPolicy"] for r in prod.resources("storage", "AWS::S3::Bucket").values()}
    gone = {r["DeletionPolicy"] for r in dev.resources("storage", "AWS::S3::Bucket").values()}
    assert (gone, kept) == ({"Delete"}, {"Retain"})
    assert prod.resources("storage", "AWS::Lambda::Function") == {}
    for kind in ("Raw", "Artifacts", "Logs"):
        assert len(dev.resources("storage", f"Custom::Empty{kind}")) == 1


def test_access_logs_stop_before_their_bucket_is_emptied(dev: Any) -> None:
    """CloudFormation deletes what depends before what it depends on: policy, then contents, then bucket."""
    (emptying,) = dev.resources("storage", "Custom::EmptyLogs")
    policies = dev.resources("storage", "AWS::S3::BucketPolicy").values()
    (policy,) = [p for p in policies if "Logs" in p["Properties"]["Bucket"]["Ref"]]
    assert emptying in policy["DependsOn"]


def _name(platform: Any, kind: str) -> str:
    account = {"dev": "111122223333", "prod": "444455556666"}[platform.environment]
    return f"trainyard-{platform.environment}-{kind}-{account}-us-east-1"
