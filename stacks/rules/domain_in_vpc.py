"""A production Studio domain has no way to the internet of its own."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look at the access type; elsewhere than in production, quick mode is a choice."""
    if subject.type != "AWS::SageMaker::Domain" or not subject.production:
        return Verdict.NOT_APPLICABLE
    return verdict(holds=subject.properties.get("AppNetworkAccessType") == "VpcOnly")


RULE = Rule(
    "DomainInVpc",
    "A production Studio domain is VPC-only.",
    'Set studio.mode to "custom" in the settings.',
    judge,
)
