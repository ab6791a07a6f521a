"""CloudFormation's own validation as the CDK has it, asked of `stacks.validator`'s process.

The name is that of the CDK's plugin: by it, acknowledgements are found (`CloudFormation-Validate::RULE`) and
feature flags say whether errors are errors. Whoever asks for no validation (`cdk synth --no-validation`,
`CDK_VALIDATION=false`) gets none, as from the CDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
import jsii

from stacks.validator import Validator, start

_NAME = "CloudFormation Validate"


@jsii.implements(cdk.IPolicyValidationPlugin)
class CloudFormationValidation:
    """The CDK's built-in plugin, at work elsewhere."""

    def __init__(self) -> None:
        self._validator: Validator = start()

    @property
    def name(self) -> str:
        """The built-in plugin's name."""
        return _NAME

    @property
    def version(self) -> str:
        """The built-in plugin's version."""
        return self._validator.version

    @property
    def rule_ids(self) -> None:
        """Left out, as for most plugins: the report does not need them."""

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Have every template judged."""
        report = self._validator.ask([_stack(stack) for stack in context.stack_templates])
        return cdk.PolicyValidationPluginReport(
            success=report["success"],
            violations=[
                cdk.PolicyViolation(
                    **{**found, "violating_resources": [cdk.PolicyViolatingResource(**r) for r in resources]}
                )
                for found in report["violations"]
                for resources in [found["violating_resources"]]
            ],
        )


@jsii.implements(cdk.IPolicyValidationContext)
class _Templates:
    """What the built-in plugin looks at: templates of another process's application."""

    def __init__(self, stacks: Sequence[Mapping[str, Any]]) -> None:
        self._stacks = [cdk.PolicyValidationStack(**stack) for stack in stacks]

    @property
    def stack_templates(self) -> list[cdk.PolicyValidationStack]:
        return self._stacks

    @property
    def template_paths(self) -> list[str]:
        return [stack.template_path for stack in self._stacks]

    @property
    def app_construct(self) -> Any:
        raise NotImplementedError("the application is in another process")

    @property
    def account_id(self) -> str | None:
        return None

    @property
    def region(self) -> str | None:
        return None


def rules() -> cdk.CloudFormationValidatePlugin:
    """Return the built-in plugin, its rules compiled."""
    return cdk.CloudFormationValidatePlugin()


def report_on(
    plugin: cdk.CloudFormationValidatePlugin, stacks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the plugin's report on templates as plain values: `success` and `violations`."""
    report = plugin.validate(_Templates(stacks))
    return {"success": report.success, "violations": [_violation(found) for found in report.violations]}


def _stack(stack: cdk.PolicyValidationStack) -> dict[str, str | None]:
    return {
        "stack_construct_path": stack.stack_construct_path,
        "template_path": stack.template_path,
        "account_id": stack.account_id,
        "region": stack.region,
    }


def _violation(violation: cdk.PolicyViolation) -> dict[str, Any]:
    return {
        "rule_name": violation.rule_name,
        "description": violation.description,
        "severity": violation.severity,
        "fix": violation.fix,
        "rule_metadata": violation.rule_metadata,
        "violating_resources": [
            {
                "resource_logical_id": resource.resource_logical_id,
                "construct_path": resource.construct_path,
                "template_path": resource.template_path,
                "locations": list(resource.locations),
            }
            for resource in violation.violating_resources
        ],
    }
