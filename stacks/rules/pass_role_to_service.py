"""A role can be passed only to the service that it is for."""

from stacks.rules.verdict import Rule, Subject, Verdict, listed, statements, verdict


def judge(subject: Subject) -> Verdict:
    """Look for the condition `iam:PassedToService` on every statement that allows iam:PassRole."""
    if subject.type not in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        return Verdict.NOT_APPLICABLE
    passing = [
        statement
        for statement in statements(subject)
        if statement["Effect"] == "Allow" and "iam:PassRole" in listed(statement["Action"])
    ]
    if not passing:
        return Verdict.NOT_APPLICABLE
    conditions = (statement.get("Condition", {}) for statement in passing)
    return verdict(
        holds=all("iam:PassedToService" in condition.get("StringEquals", {}) for condition in conditions)
    )


RULE = Rule(
    "PassRoleToService",
    "Every iam:PassRole says to which service.",
    "Add the condition iam:PassedToService.",
    judge,
)
