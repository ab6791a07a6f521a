"""What all stacks of an environment share: where they are deployed, their tags, what they publish."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.names import PROJECT, names


class PlatformStack(cdk.Stack):
    """A stack of one environment; `name` tells it from its sisters."""

    def __init__(self, scope: Construct, name: str, *, settings: Settings, **properties: Any) -> None:
        """Fix account and region, so that synthesis needs no network, and tag everything."""
        self.settings = settings
        self.names = names(settings)
        super().__init__(
            scope,
            self.names.of(name),
            env=cdk.Environment(account=settings.account, region=settings.region),
            termination_protection=settings.production,
            **properties,
        )
        tags = {**settings.tags, "project": PROJECT, "environment": settings.environment}
        for key, value in sorted(tags.items()):
            cdk.Tags.of(self).add(key, value)

    @property
    def removal_policy(self) -> cdk.RemovalPolicy:
        """What becomes of data when its stack is deleted."""
        keep = self.settings.storage.on_destroy == "retain"
        return cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY

    def publish(self, name: str, value: str, description: str) -> None:
        """Publish a value twice: as an output for people, as an SSM parameter for other teams' code."""
        identifier = "".join(part.capitalize() for part in name.replace("/", "-").split("-"))
        cdk.CfnOutput(self, f"{identifier}Output", value=value, description=description)
        ssm.CfnParameter(
            self,
            f"{identifier}Parameter",
            name=self.names.parameter(name),
            type="String",
            value=value,
            description=description,
        )
