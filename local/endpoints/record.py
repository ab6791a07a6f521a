"""What is kept of an endpoint, so that it serves again after the service was ended or killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from local.arns import now


@dataclass
class Configuration:
    """A configuration as it was when it was deployed; a live endpoint outlives its configuration and models.

    Attributes:
        name: of the endpoint configuration.
        request: the CreateEndpointConfig request.
        models: model name → CreateModel request.

    """

    name: str
    request: dict[str, Any]
    models: dict[str, dict[str, Any]]

    @property
    def asynchronous(self) -> bool:
        """Whether it is for asynchronous inference."""
        return "AsyncInferenceConfig" in self.request

    @property
    def serverless(self) -> bool:
        """Whether any of its variants is serverless."""
        return any("ServerlessConfig" in variant for variant in self.request["ProductionVariants"])


@dataclass
class Pending:
    """An update under way: its configuration, its DeploymentConfig and when it began."""

    configuration: Configuration
    deployment: dict[str, Any] | None
    started: str


@dataclass
class EndpointRecord:
    """One endpoint, in the words of DescribeEndpoint."""

    name: str
    arn: str
    status: str
    configuration: Configuration
    failure_reason: str = ""
    created: str = field(default_factory=now)
    modified: str = field(default_factory=now)
    deployment: dict[str, Any] | None = None
    pending: Pending | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> EndpointRecord:
        """Read what `as_dict` returned."""
        pending = saved["pending"]
        if pending is not None:
            configuration = Configuration(**pending["configuration"])
            pending = Pending(**{**pending, "configuration": configuration})
        return cls(**{**saved, "configuration": Configuration(**saved["configuration"]), "pending": pending})
