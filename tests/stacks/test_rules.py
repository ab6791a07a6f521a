"""Each rule of the project, with a case that fails it, one that passes, and one that it is not about."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline import definition as definitions
from stacks.rules import RULES, Subject, Verdict

DOMAIN, MODEL, PIPELINE = "AWS::SageMaker::Domain", "AWS::SageMaker::Model", "AWS::SageMaker::Pipeline"
ENDPOINT, POLICY, ROLE = "AWS::SageMaker::EndpointConfig", "AWS::IAM::Policy", "AWS::IAM::Role"
FUNCTION = "AWS::Lambda::Function"


def idle(state: str) -> dict[str, Any]:
    settings = {"LifecycleManagement": state, "IdleTimeoutInMinutes": 60}
    jupyter = {"AppLifecycleManagement": {"IdleSettings": settings}}
    return {"DefaultUserSettings": {"JupyterLabAppSettings": jupyter}}


def allowing(action: str, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return {"PolicyDocument": {"Statement": [statement]}}


def pipeline(**changes: Any) -> dict[str, Any]:
    """Return a pipeline of the compiled definition, its steps' Arguments changed where they have a key."""
    document = copy.deepcopy(definitions.load("iris"))
    for step in document["Steps"]:
        change(step["Arguments"], changes)
    return {"PipelineDefinition": {"PipelineDefinitionBody": {"Fn::Sub": [json.dumps(document), {}]}}}


def change(arguments: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in list(arguments.items()):
        if key in changes:
            arguments[key] = changes[key]
        elif isinstance(value, dict):
            change(value, changes)


VPC = {"Subnets": ["a", "b"], "SecurityGroupIds": ["g"]}
TO_SAGEMAKER = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}

# rule → (type, properties that fail, properties that pass)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "DomainEncrypted": (DOMAIN, {}, {"KmsKeyId": "key"}),
    "DomainIdleShutdown": (DOMAIN, idle("DISABLED"), idle("ENABLED")),
    "DomainInVpc": (
        DOMAIN,
        {"AppNetworkAccessType": "PublicInternetOnly"},
        {"AppNetworkAccessType": "VpcOnly"},
    ),
    "EndpointEncrypted": (
        ENDPOINT,
        {"ProductionVariants": [{}]},
        {"ProductionVariants": [{}], "KmsKeyId": "key"},
    ),
    "EndpointTwoInstances": (
        ENDPOINT,
        {"ProductionVariants": [{"InitialInstanceCount": 2}, {"InitialInstanceCount": 1}]},
        {"ProductionVariants": [{"InitialInstanceCount": 2}]},
    ),
    "FunctionInPython": (FUNCTION, {"Runtime": "nodejs22.x"}, {"Runtime": "python3.14"}),
    "ModelInVpc": (MODEL, {"VpcConfig": {"Subnets": ["a"], "SecurityGroupIds": ["g"]}}, {"VpcConfig": VPC}),
    "ModelIsolated": (MODEL, {}, {"EnableNetworkIsolation": True}),
    "NoWildcardAction": (POLICY, allowing("s3:*"), allowing("s3:GetObject")),
    "PassRoleToService": (POLICY, allowing("iam:PassRole"), allowing("iam:PassRole", Condition=TO_SAGEMAKER)),
    "PipelineJobsEncrypted": (PIPELINE, pipeline(VolumeKmsKeyId=""), pipeline()),
    "PipelineJobsInVpc": (PIPELINE, pipeline(VpcConfig=None), pipeline()),
    "PipelineJobsIsolated": (PIPELINE, pipeline(EnableNetworkIsolation=False), pipeline()),
}


def judge(rule: str, kind: str, properties: dict[str, Any], *, production: bool = True) -> Verdict:
    (found,) = [candidate for candidate in RULES if candidate.id == rule]
    return found.judge(Subject(kind, properties, production))


def test_every_rule_has_its_cases() -> None:
    assert CASES.keys() == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", CASES)
def test_the_failing_case_fails(rule: str) -> None:
    kind, failing, _ = CASES[rule]
    assert judge(rule, kind, failing) is Verdict.NON_COMPLIANT


@pytest.mark.parametrize("rule", CASES)
def test_the_passing_case_passes(rule: str) -> None:
    kind, _, passing = CASES[rule]
    assert judge(rule, kind, passing) is Verdict.COMPLIANT


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_says_nothing_of_what_it_is_not_about(rule: str) -> None:
    assert judge(rule, "AWS::S3::Bucket", {}) is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("rule", ["DomainInVpc", "EndpointTwoInstances"])
def test_what_costs_money_is_asked_of_production_only(rule: str) -> None:
    kind, failing, _ = CASES[rule]
    assert judge(rule, kind, failing, production=False) is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("rule", ["EndpointEncrypted", "EndpointTwoInstances"])
def test_a_serverless_variant_has_neither_volumes_nor_instances(rule: str) -> None:
    variants = {"ProductionVariants": [{"ServerlessConfig": {"MemorySizeInMB": 2048}}]}
    assert judge(rule, ENDPOINT, variants) is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("switch", ["EnableInterContainerTrafficEncryption", "EnableNetworkIsolation"])
def test_one_open_switch_is_enough_to_fail_a_pipeline(switch: str) -> None:
    assert judge("PipelineJobsIsolated", PIPELINE, pipeline(**{switch: False})) is Verdict.NON_COMPLIANT


def test_full_access_policies_are_found_on_roles() -> None:
    policies = {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"]}
    assert judge("NoWildcardAction", ROLE, policies) is Verdict.NON_COMPLIANT


def test_a_denied_wildcard_is_no_permission() -> None:
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    properties = {"PolicyDocument": {"Statement": [denied]}}
    assert judge("NoWildcardAction", POLICY, properties) is Verdict.COMPLIANT


def test_every_rule_says_what_it_wants_and_how_to_get_there() -> None:
    for rule in RULES:
        assert rule.wants.endswith(".")
        assert rule.cure.endswith(".")
