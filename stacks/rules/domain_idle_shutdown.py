"""A Studio domain shuts down applications that nobody uses."""

from stacks.rules.verdict import Rule, Subject, Verdict, verdict


def judge(subject: Subject) -> Verdict:
    """Look for JupyterLab's idle settings among the default user settings."""
    if subject.type != "AWS::SageMaker::Domain":
        return Verdict.NOT_APPLICABLE
    jupyter = subject.properties.get("DefaultUserSettings", {}).get("JupyterLabAppSettings", {})
    idle = jupyter.get("AppLifecycleManagement", {}).get("IdleSettings", {})
    return verdict(holds=idle.get("LifecycleManagement") == "ENABLED" and "IdleTimeoutInMinutes" in idle)


RULE = Rule(
    "DomainIdleShutdown",
    "A Studio domain shuts down idle applications.",
    "Enable IdleSettings with a timeout in DefaultUserSettings.JupyterLabAppSettings.",
    judge,
)
