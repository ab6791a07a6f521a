"""An endpoint's instances encrypt their volumes with a customer-managed key."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look for a key; serverless variants have no volume that a key could encrypt."""
    if subject.type != "AWS::SageMaker::EndpointConfig":
        return Verdict.NOT_APPLICABLE
    if all("ServerlessConfig" in variant for variant in subject.properties["ProductionVariants"]):
        return Verdict.NOT_APPLICABLE
    return verdict(holds=bool(subject.properties.get("KmsKeyId")))


RULE = Rule(
    "EndpointEncrypted", "An endpoint configuration names a customer-managed key.", "Set KmsKeyId.", judge
)
