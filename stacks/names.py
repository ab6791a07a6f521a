"""What everything is called.

Names are fixed where one stack, a policy or another team must name a thing before it exists: buckets, roles,
queues, pipelines, groups, endpoints. CloudFormation names the rest.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from settings.model import Settings

PROJECT = "trainyard"
_ROLE_NAME_LIMIT = 64
_ROLE_ARN = "RoleArn"


@dataclass(frozen=True)
class Names:
    """Names and ARNs of one environment in one account and region."""

    environment: str
    account: str
    region: str

    @property
    def prefix(self) -> str:
        """What every name begins with."""
        return f"{PROJECT}-{self.environment}"

    @property
    def partition(self) -> str:
        """The partition that the region belongs to."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def of(self, *parts: str) -> str:
        """Return a name such as trainyard-dev-iris-schedule."""
        return "-".join((self.prefix, *parts))

    def bucket(self, kind: str) -> str:
        """Return a bucket's name, which is unique in the world by account and region."""
        return self.of(kind, self.account, self.region)

    def bucket_arn(self, kind: str) -> str:
        """Return the ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket(kind)}"

    def parameter(self, *parts: str) -> str:
        """Return the name of an SSM parameter that others look up, such as /trainyard/dev/vpc-id."""
        return "/".join(("", PROJECT, self.environment, *parts))

    def role(self, *parts: str) -> str:
        """Return a role's name, cut to what IAM takes with a hash that keeps it unique."""
        name = self.of(*parts)
        if len(name) <= _ROLE_NAME_LIMIT:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{name[: _ROLE_NAME_LIMIT - 9]}-{digest}"

    def role_arn(self, *parts: str) -> str:
        """Return a role's ARN."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.role(*parts)}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def pipeline_arn(self, task: str) -> str:
        """Return the ARN of a task's pipeline."""
        return self.arn("sagemaker", f"pipeline/{self.of(task)}")


def names(settings: Settings) -> Names:
    """Return the names of an environment."""
    return Names(settings.environment, settings.account, settings.region)


def role_kind(placeholder: str) -> str:
    """Turn a definition's placeholder into a role's kind: KnnTrainingRoleArn → knn-training."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", placeholder.removesuffix(_ROLE_ARN)).lower()


def role_placeholders(placeholders: frozenset[str]) -> list[str]:
    """Return the placeholders that stand for roles, sorted."""
    return sorted(name for name in placeholders if name.endswith(_ROLE_ARN))
