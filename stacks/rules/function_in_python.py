"""Functions are written in Python, so that a rehearsal on one machine runs every one of them."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look at the runtime; CDK's own custom resources would bring JavaScript."""
    if subject.type != "AWS::Lambda::Function":
        return Verdict.NOT_APPLICABLE
    return verdict(holds=str(subject.properties.get("Runtime", "")).startswith("python"))


RULE = Rule(
    "FunctionInPython", "Every function runs on Python.", "Use stacks.functions.PythonFunction.", judge
)
