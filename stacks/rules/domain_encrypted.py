"""A Studio domain encrypts its users' files with a customer-managed key."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look for a key on the domain."""
    if subject.type != "AWS::SageMaker::Domain":
        return Verdict.NOT_APPLICABLE
    return verdict(holds=bool(subject.properties.get("KmsKeyId")))


RULE = Rule("DomainEncrypted", "A Studio domain names a customer-managed key.", "Set KmsKeyId.", judge)
