"""What access promises."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# IAM: "Role inline policy size", the sum over a role, whitespace not counted.
INLINE_POLICY_LIMIT = 10_240


def roles(platform: Any) -> list[str]:
    return [
        role["RoleName"]
        for stack in platform.templates
        for role in platform.properties(stack, "AWS::IAM::Role")
        if "RoleName" in role
    ]


def actions(statements: list[dict[str, Any]], effect: str = "Allow") -> set[str]:
    found: set[str] = set()
    for statement in statements:
        if statement["Effect"] == effect:
            listed = statement["Action"]
            found |= {listed} if isinstance(listed, str) else set(listed)
    return found


def test_each_kind_of_step_has_a_role_of_its_own_in_each_task(dev: Any) -> None:
    kinds = ["convert", "evaluate", "inspect", "knn-model", "knn-training", "linear-learner-model",
             "linear-learner-training", "pipeline"]  # fmt: skip
    assert sorted(name for name in roles(dev) if "-iris-" in name) == [
        f"trainyard-dev-iris-{k}" for k in kinds
    ]


def test_a_step_writes_below_its_own_name_only(dev: Any) -> None:
    for kind, prefix in (("convert", "Convert/"), ("inspect", "Inspect/"), ("knn-training", "Train-knn/")):
        for statement in dev.statements(f"trainyard-dev-iris-{kind}"):
            if "s3:PutObject" in actions([statement]):
                resources = statement["Resource"]
                for resource in [resources] if isinstance(resources, str) else resources:
                    assert resource.partition(":::")[2].split("/*/", 1)[1].startswith(prefix)


def test_only_the_conversion_reads_raw_data(dev: Any) -> None:
    readers = {
        name
        for name in roles(dev)
        if "-raw-" in json.dumps([s for s in dev.statements(name) if "s3:GetObject" in actions([s])])
    }
    assert readers == {
        "trainyard-dev-iris-convert",
        "trainyard-dev-zero-digit-convert",
        "trainyard-dev-studio-user",
    }


def test_no_step_may_start_jobs_or_pass_roles(dev: Any) -> None:
    for name in roles(dev):
        allowed = actions(dev.statements(name))
        may = {action for action in allowed if action.startswith(("sagemaker:Create", "iam:"))}
        if may and name not in ("trainyard-dev-studio-user", "trainyard-dev-function-approval"):
            assert name.endswith("-pipeline")
    assert "iam:PassRole" not in actions(dev.statements("trainyard-dev-studio-user"))


def test_a_pipeline_passes_only_its_own_tasks_roles_and_only_to_sagemaker(both: Any) -> None:
    for platform in both:
        for task in ("iris", "zero-digit"):
            prefix = f"trainyard-{platform.environment}-{task}"
            passing = [s for s in platform.statements(f"{prefix}-pipeline") if s["Action"] == "iam:PassRole"]
            assert passing
            for statement in passing:
                listed = statement["Resource"]
                for resource in [listed] if isinstance(listed, str) else listed:
                    assert f"role/{prefix}-" in resource
                assert statement["Condition"] == {
                    "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
                }


@pytest.mark.parametrize("who", ["iris-pipeline", "zero-digit-pipeline", "studio-user"])
def test_jobs_outside_the_vpc_or_without_encryption_are_denied_whatever_else_is_allowed(
    both: Any, who: str
) -> None:
    for platform in both:
        denied = [
            s for s in platform.statements(f"trainyard-{platform.environment}-{who}") if s["Effect"] == "Deny"
        ]
        assert {s["Sid"] for s in denied} == {
            "DenyOutsideTheVpc",
            "DenyOpenContainers",
            "DenyPlainVolumes",
            "DenyPlainOutput",
            "DenyPlainTraffic",
        }
        assert all(s["Resource"] == "*" for s in denied)


def test_the_scheduler_starts_pipelines_and_does_nothing_else(dev: Any) -> None:
    assert actions(dev.statements("trainyard-dev-scheduler")) == {
        "sagemaker:StartPipelineExecution",
        "sqs:SendMessage",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


def test_policies_fit_into_what_iam_takes(both: Any) -> None:
    for platform in both:
        for name in roles(platform):
            size = len(json.dumps(platform.statements(name), separators=(",", ":")))
            assert size < INLINE_POLICY_LIMIT, name


def test_an_organisations_permissions_boundary_is_set_on_every_role(tmp_path: Any) -> None:
    import settings
    from settings.model import Access
    from stacks.application import application
    from stacks.platform import build

    boundary = "arn:aws:iam::111122223333:policy/boundary"
    chosen = settings.read("dev").model_copy(update={"access": Access(permissions_boundary=boundary)})
    app = application(outdir=str(tmp_path))
    build(app, chosen)
    app.synth()
    found = [
        resource["Properties"].get("PermissionsBoundary")
        for path in tmp_path.glob("*.template.json")
        for resource in json.loads(path.read_text())["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    assert found
    assert set(found) == {boundary}
