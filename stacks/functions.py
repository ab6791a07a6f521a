"""A Python function on AWS: its code, its role, its encrypted log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.base import PlatformStack
from stacks.policies import Allowance, allow

REPOSITORY = Path(__file__).resolve().parent.parent
RUNTIME = lambda_.Runtime.PYTHON_3_14


def shipped(*folders: str) -> list[str]:
    """Return exclusions that leave only these folders of the repository, at their place in it.

    A folder's parents are packages, whose `__init__.py` comes along so that absolute imports work.
    """
    kept: list[str] = ["/*"]
    for folder in folders:
        *parents, name = Path(folder).parts
        path = ""
        for parent in parents:
            path += f"/{parent}"
            kept += [f"!{path}/", f"{path}/*", f"!{path}/__init__.py"]
        kept.append(f"!{path}/{name}/")
    return [*kept, "__pycache__/"]


@contextmanager
def _code(folder: str, files: Mapping[str, str]) -> Iterator[lambda_.Code]:
    """Give a function's code: a folder of the repository at its place in it, and files beside it.

    Args:
        folder: the folder; one at the top where there are files.
        files: name → text.

    """
    if not files:
        yield lambda_.Code.from_asset(
            str(REPOSITORY), exclude=shipped(folder), ignore_mode=cdk.IgnoreMode.GIT
        )
        return
    # The asset is copied when the function is made, and named by what is in it.
    with TemporaryDirectory() as staged:
        shutil.copytree(
            REPOSITORY / folder, Path(staged, folder), ignore=shutil.ignore_patterns("__pycache__")
        )
        for name, text in files.items():
            Path(staged, name).write_text(text, encoding="utf-8")
        yield lambda_.Code.from_asset(staged)


def function_role(stack: PlatformStack, scope: Construct, identifier: str, name: str) -> iam.Role:
    """Return a role for a function; its fixed name lets bucket policies and other stacks name it."""
    return iam.Role(
        scope,
        identifier,
        role_name=stack.names.role("function", name),
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"The function {name}",
    )


def log_group(
    stack: PlatformStack,
    scope: Construct,
    identifier: str,
    *,
    days: int,
    key: kms.IKey,
    name: str | None = None,
) -> logs.CfnLogGroup:
    """Return an encrypted log group that keeps its entries for `days`."""
    group = logs.CfnLogGroup(
        scope, identifier, log_group_name=name, retention_in_days=days, kms_key_id=key.key_arn
    )
    group.apply_removal_policy(stack.removal_policy)
    return group


class PythonFunction(Construct):
    """A function whose code is a folder of this repository.

    Attributes:
        function: the Lambda function.
        role: what it runs as.

    """

    def __init__(
        self,
        stack: PlatformStack,
        identifier: str,
        *,
        name: str,
        description: str,
        folder: str,
        handler: str,
        key: kms.IKey,
        timeout: cdk.Duration,
        environment: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        allowances: Sequence[Allowance] = (),
        role: iam.Role | None = None,
        dead_letters: sqs.IQueue | None = None,
    ) -> None:
        super().__init__(stack, identifier)
        self.role = role or function_role(stack, self, "Role", name)
        full_name = stack.names.of(name)
        group = log_group(
            stack,
            self,
            "Log",
            days=stack.settings.retention.log_days,
            key=key,
            name=f"/aws/lambda/{full_name}",
        )
        allow(
            self.role,
            Allowance(
                ("logs:CreateLogStream", "logs:PutLogEvents"),
                (stack.names.arn("logs", f"log-group:/aws/lambda/{full_name}:*"),),
                "a function writes log streams whose names it makes up",
            ),
            *allowances,
        )
        with _code(folder, files or {}) as code:
            self.function = lambda_.Function(
                self,
                "Function",
                function_name=full_name,
                description=description,
                runtime=RUNTIME,
                code=code,
                handler=handler,
                timeout=timeout,
                memory_size=256,
                role=self.role,
                environment=dict(environment or {}),
            )
        self.function.node.add_dependency(group)
        # The L2 properties would add statements to the role's stack, which must not know this one.
        resource = self.function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        if environment:
            resource.kms_key_arn = key.key_arn
        if dead_letters is not None:
            resource.dead_letter_config = lambda_.CfnFunction.DeadLetterConfigProperty(
                target_arn=dead_letters.queue_arn
            )


def custom_resource_function(
    stack: PlatformStack,
    identifier: str,
    *,
    module: str,
    description: str,
    key: kms.IKey,
    allowances: Sequence[Allowance],
) -> PythonFunction:
    """Return a function of `stacks.custom_resources` that CloudFormation may call for up to 15 minutes."""
    return PythonFunction(
        stack,
        identifier,
        name=module.replace("_", "-"),
        description=description,
        folder="stacks/custom_resources",
        handler=f"stacks.custom_resources.{module}.handle",
        key=key,
        timeout=cdk.Duration.minutes(15),
        allowances=allowances,
    )


def custom_resource(
    stack: PlatformStack, identifier: str, function: PythonFunction, **properties: str
) -> cdk.CustomResource:
    """Return a resource that `function` creates, updates and deletes.

    It waits for the function's permissions: a policy that is deleted before it would leave it powerless.
    """
    resource = cdk.CustomResource(
        stack,
        identifier,
        service_token=function.function.function_arn,
        resource_type=f"Custom::{identifier}",
        properties=properties,
    )
    resource.node.add_dependency(function)
    return resource
