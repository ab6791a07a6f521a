"""The project's own rules, for what cdk-nag does not know: one rule a file."""

from stacks.rules import (
    domain_encrypted,
    domain_idle_shutdown,
    domain_in_vpc,
    endpoint_encrypted,
    endpoint_two_instances,
    function_in_python,
    model_in_vpc,
    model_isolated,
    no_wildcard_action,
    pass_role_to_service,
    pipeline_jobs_encrypted,
    pipeline_jobs_in_vpc,
    pipeline_jobs_isolated,
)
from stacks.rules.verdict import Rule, Subject, Verdict

RULES: tuple[Rule, ...] = (
    domain_encrypted.RULE,
    domain_idle_shutdown.RULE,
    domain_in_vpc.RULE,
    endpoint_encrypted.RULE,
    endpoint_two_instances.RULE,
    function_in_python.RULE,
    model_in_vpc.RULE,
    model_isolated.RULE,
    no_wildcard_action.RULE,
    pass_role_to_service.RULE,
    pipeline_jobs_encrypted.RULE,
    pipeline_jobs_in_vpc.RULE,
    pipeline_jobs_isolated.RULE,
)

__all__ = ["RULES", "Rule", "Subject", "Verdict"]
