"""What every synthesis is checked by: cdk-nag's AwsSolutions, CloudFormation's rules, the project's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from cdk_nag import AwsSolutionsChecks

from stacks import validation, validator
from stacks.rules import RULES, Rule, Subject, Verdict

_NAME = "Trainyard"


@jsii.implements(cdk.IPolicyValidationPlugin)
class ProjectRules:
    """Runs the rules in `stacks.rules` over every template; each violation fails the synthesis."""

    def __init__(self, *, production: bool) -> None:
        self._production = production

    @property
    def name(self) -> str:
        """The plugin's name in the report."""
        return _NAME

    @property
    def version(self) -> str:
        """The plugin's version in the report."""
        return "1.0.0"

    @property
    def rule_ids(self) -> list[str]:
        """The ids of all rules."""
        return [rule.id for rule in RULES]

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Judge every resource of every template."""
        violations = [
            cdk.PolicyViolation(
                rule_name=rule.id,
                description=rule.wants,
                fix=rule.cure,
                severity="error",
                violating_resources=[
                    cdk.PolicyViolatingResource(
                        resource_logical_id=logical_id, template_path=path, locations=["Properties"]
                    )
                ],
            )
            for path in context.template_paths
            for logical_id, rule in judge(_read(path), production=self._production)
        ]
        return cdk.PolicyValidationPluginReport(success=not violations, violations=violations)


def judge(template: Mapping[str, Any], *, production: bool) -> Iterator[tuple[str, Rule]]:
    """Yield the logical id of each resource with each rule that it breaks."""
    for logical_id, resource in template["Resources"].items():
        subject = Subject(resource["Type"], resource.get("Properties", {}), production)
        for rule in RULES:
            if rule.judge(subject) is Verdict.NON_COMPLIANT:
                yield logical_id, rule


def _read(path: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return template


def check(app: cdk.App, *, production: bool) -> None:
    """Have all of them look at the application; a finding fails the synthesis."""
    plugins: list[cdk.IPolicyValidationPlugin] = [AwsSolutionsChecks(app, verbose=True)]
    plugins.append(ProjectRules(production=production))
    if validator.wanted():
        plugins.append(validation.CloudFormationValidation())  # last: it may still be compiling its rules
    cdk.Validations.of(app).add_plugins(*plugins)
