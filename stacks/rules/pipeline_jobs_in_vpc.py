"""A pipeline's jobs and models run in the VPC."""

from stacks.rules.verdict import Rule, Subject, Verdict, jobs, verdict


def judge(subject: Subject) -> Verdict:
    """Look for subnets on every step that takes them; a transform job runs in its model's."""
    if subject.type != "AWS::SageMaker::Pipeline":
        return Verdict.NOT_APPLICABLE
    networks = [step.get("NetworkConfig", {}).get("VpcConfig") for step in jobs(subject, "Processing")]
    networks += [step.get("VpcConfig") for step in jobs(subject, "Training", "Model")]
    return verdict(holds=all(network and network.get("Subnets") for network in networks))


RULE = Rule("PipelineJobsInVpc", "Every job of a pipeline is in the VPC.", "Set the step's VpcConfig.", judge)
