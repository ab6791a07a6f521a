"""How long a job is likely to take, relative to an average one, where no run has shown it yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.containers import Container, Containers, repository
from local.graph import JOBS, Node


def relative_seconds(nodes: Mapping[str, Node], containers: Containers) -> dict[str, float]:
    """Return job → what its image says of jobs of its type; left out where no image says anything.

    A transform job has no image of its own but that of the model which it names.
    """
    return {
        node.name: container.relative_seconds[node.type]
        for node in nodes.values()
        if node.type in JOBS
        for container in _containers(node, nodes, containers)
        if node.type in container.relative_seconds
    }


def _containers(node: Node, nodes: Mapping[str, Node], containers: Containers) -> Iterator[Container]:
    models = [nodes[name] for name in sorted(node.needs) if nodes[name].type == "Model"]
    for owner in (node, *models):
        for image in _images(owner.arguments):
            if repository(image) in containers:
                yield containers[repository(image)]


def _images(arguments: Any) -> Iterator[str]:
    """Yield the images that are written out; an expression tells its image only when the job starts."""
    items = arguments.items() if isinstance(arguments, Mapping) else enumerate(arguments)
    for name, value in items:
        if name in ("Image", "ImageUri", "TrainingImage") and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping | list):
            yield from _images(value)
