"""A model's containers cannot call out (Security Hub SageMaker.5)."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look for network isolation."""
    if subject.type != "AWS::SageMaker::Model":
        return Verdict.NOT_APPLICABLE
    return verdict(holds=subject.properties.get("EnableNetworkIsolation") is True)


RULE = Rule("ModelIsolated", "A model has network isolation.", "Set EnableNetworkIsolation.", judge)
