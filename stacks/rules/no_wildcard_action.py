"""No role may do everything of a service, and none has one of AWS's FullAccess policies."""

from typing import Any

from stacks.rules.verdict import Rule, Subject, Verdict, listed, statements, verdict


def _is_full_access(policy: Any) -> bool:
    return "FullAccess" in str(policy)


def judge(subject: Subject) -> Verdict:
    """Look for `*` in allowed actions and for FullAccess among managed policies."""
    if subject.type not in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        return Verdict.NOT_APPLICABLE
    allowed = [statement for statement in statements(subject) if statement["Effect"] == "Allow"]
    wild = any("*" in action for statement in allowed for action in listed(statement["Action"]))
    full = any(_is_full_access(policy) for policy in subject.properties.get("ManagedPolicyArns", []))
    return verdict(holds=not wild and not full)


RULE = Rule(
    "NoWildcardAction",
    "No role allows an action with a wildcard or has a FullAccess policy.",
    "List the actions that are needed.",
    judge,
)
