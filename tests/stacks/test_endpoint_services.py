"""Whatever is called from inside a VPC-only network has an endpoint there."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# IAM's service prefix → the endpoint services that its calls go through. STS and the images of Studio's own
# applications are needed by every session, whatever a role allows.
SERVICES: dict[str, set[str]] = {
    "cloudwatch": {"monitoring"},
    "ecr": {"ecr.api", "ecr.dkr"},
    "events": {"events"},
    "kms": {"kms"},
    "lambda": {"lambda"},
    "logs": {"logs"},
    "s3": {"s3"},
    "sagemaker": {"sagemaker.api", "sagemaker.runtime", "studio"},
    "servicecatalog": {"servicecatalog"},
    "ssm": {"ssm"},
    "sts": {"sts"},
}
ALWAYS = {"sts", "ecr.api", "ecr.dkr", "s3"}


def called_by_studio_users(platform: Any) -> set[str]:
    actions = [
        action
        for statement in platform.statements(f"trainyard-{platform.environment}-studio-user")
        if statement["Effect"] == "Allow"
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    return {action.split(":")[0] for action in actions}


def called_by_functions_in_the_vpc(platform: Any) -> list[str]:
    return [
        function["FunctionName"]
        for stack in platform.templates
        for function in platform.properties(stack, "AWS::Lambda::Function")
        if "VpcConfig" in function
    ]


def imports_of(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found


def test_every_service_that_is_called_has_an_endpoint(prod: Any) -> None:
    endpoints = {
        str(endpoint["ServiceName"]).split(".")[-1]
        if endpoint["VpcEndpointType"] == "Gateway"
        else endpoint["ServiceName"].split("us-east-1.")[1]
        for endpoint in prod.properties("network", "AWS::EC2::VPCEndpoint")
        if isinstance(endpoint["ServiceName"], str)
    } | {"s3"}
    called = called_by_studio_users(prod)
    assert called <= SERVICES.keys(), f"say in this test which endpoints serve {called - SERVICES.keys()}"
    needed = ALWAYS.union(*(SERVICES[service] for service in called))
    assert needed - endpoints == set()


def test_functions_stay_outside_of_the_vpc_and_need_no_endpoint(prod: Any) -> None:
    assert called_by_functions_in_the_vpc(prod) == []


def test_containers_call_no_service_at_all(repository: Path) -> None:
    """Jobs are isolated from the network, so that their endpoints would never be used."""
    for folder in ("processing", "algorithms"):
        assert not imports_of(repository / folder) & {"boto3", "botocore", "requests", "urllib3"}
