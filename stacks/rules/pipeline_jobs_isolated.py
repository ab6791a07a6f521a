"""A pipeline's containers have no network, and what they say to each other is encrypted."""

from stacks.rules.verdict import Rule, Subject, Verdict, jobs, verdict


def judge(subject: Subject) -> Verdict:
    """Look for both switches on every step that knows them."""
    if subject.type != "AWS::SageMaker::Pipeline":
        return Verdict.NOT_APPLICABLE
    processing = [step.get("NetworkConfig", {}) for step in jobs(subject, "Processing")]
    training, models = jobs(subject, "Training"), jobs(subject, "Model")
    isolated = all(step.get("EnableNetworkIsolation") is True for step in (*processing, *training, *models))
    between = (step.get("EnableInterContainerTrafficEncryption") for step in (*processing, *training))
    return verdict(holds=isolated and all(encrypted is True for encrypted in between))


RULE = Rule(
    "PipelineJobsIsolated",
    "Every job of a pipeline is isolated from the network and encrypts traffic between its containers.",
    "Set EnableNetworkIsolation and EnableInterContainerTrafficEncryption.",
    judge,
)
