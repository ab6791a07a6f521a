"""What this project asks of each job and model beyond what the service accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.definition import PlacedStep
from pipeline.lint.model import Finding, Pipeline

_ISOLATED = frozenset({"Processing", "Training", "Model"})

# Where each kind of job names the key for its volume and the key for its output.
_KEYS = {
    "Processing": ("ProcessingResources.ClusterConfig.VolumeKmsKeyId", "ProcessingOutputConfig.KmsKeyId"),
    "Training": ("ResourceConfig.VolumeKmsKeyId", "OutputDataConfig.KmsKeyId"),
    "Transform": ("TransformResources.VolumeKmsKeyId", "TransformOutput.KmsKeyId"),
}


def jobs_run_in_the_vpc(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that jobs and models run in the project's subnets (a transform job: in its model's)."""
    for step in _isolated(pipeline):
        network = _network(step)
        if not network.get("VpcConfig", {}).get("Subnets"):
            yield Finding(step.name, "runs outside the VPC; give it VpcConfig with subnets")


def containers_have_no_network(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that containers can call nobody: the platform moves their data."""
    for step in _isolated(pipeline):
        if _network(step).get("EnableNetworkIsolation") is not True:
            yield Finding(step.name, "its container can reach the network; set EnableNetworkIsolation")


def data_is_encrypted(pipeline: Pipeline) -> Iterator[Finding]:
    """Check that volumes, outputs and the traffic between containers are encrypted."""
    for step in pipeline.steps:
        for path in _KEYS.get(step.type, ()):
            if not _at(step.step["Arguments"], path):
                yield Finding(f"{step.name}.{path}", "no key is named; name the project's")
        talks = step.type in ("Processing", "Training")
        if talks and _network(step).get("EnableInterContainerTrafficEncryption") is not True:
            yield Finding(step.name, "traffic between containers is in clear; encrypt it")


def _isolated(pipeline: Pipeline) -> Iterator[PlacedStep]:
    return (step for step in pipeline.steps if step.type in _ISOLATED)


def _network(step: PlacedStep) -> Mapping[str, Any]:
    arguments: Mapping[str, Any] = step.step["Arguments"]
    network: Mapping[str, Any] = arguments.get("NetworkConfig", {})
    return network if step.type == "Processing" else arguments


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name, {})
    return value
