"""A production endpoint has two instances or more behind each variant (Security Hub SageMaker.4)."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Count instances; elsewhere than in production one is enough, for its cost."""
    if subject.type != "AWS::SageMaker::EndpointConfig" or not subject.production:
        return Verdict.NOT_APPLICABLE
    counted = [v for v in subject.properties["ProductionVariants"] if "ServerlessConfig" not in v]
    if not counted:
        return Verdict.NOT_APPLICABLE
    return verdict(holds=all(variant.get("InitialInstanceCount", 0) > 1 for variant in counted))


RULE = Rule(
    "EndpointTwoInstances",
    "A production endpoint has two instances or more.",
    "Raise InitialInstanceCount (instance_count in the settings).",
    judge,
)
