"""A model's containers are attached to the VPC, in two subnets."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look for two subnets and a security group."""
    if subject.type != "AWS::SageMaker::Model":
        return Verdict.NOT_APPLICABLE
    vpc = subject.properties.get("VpcConfig", {})
    return verdict(holds=len(vpc.get("Subnets", [])) > 1 and bool(vpc.get("SecurityGroupIds")))


RULE = Rule("ModelInVpc", "A model is in the VPC, in two subnets.", "Set VpcConfig.", judge)
