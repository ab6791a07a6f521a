"""A pipeline's jobs encrypt their volumes and their output with a customer-managed key."""

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.rules.verdict import Rule, Subject, Verdict, jobs, verdict


def _keys(subject: Subject) -> Iterator[Any]:
    for step in jobs(subject, "Processing"):
        yield step["ProcessingResources"]["ClusterConfig"].get("VolumeKmsKeyId")
        yield step.get("ProcessingOutputConfig", {}).get("KmsKeyId")
    for step in jobs(subject, "Training"):
        yield from _both(step["ResourceConfig"], step["OutputDataConfig"])
    for step in jobs(subject, "Transform"):
        yield from _both(step["TransformResources"], step["TransformOutput"])


def _both(resources: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[Any]:
    yield resources.get("VolumeKmsKeyId")
    yield output.get("KmsKeyId")


def judge(subject: Subject) -> Verdict:
    """Look for a key on every volume and every output."""
    if subject.type != "AWS::SageMaker::Pipeline":
        return Verdict.NOT_APPLICABLE
    return verdict(holds=all(_keys(subject)))


RULE = Rule(
    "PipelineJobsEncrypted",
    "Every job of a pipeline encrypts its volume and its output.",
    "Set VolumeKmsKeyId and KmsKeyId.",
    judge,
)
