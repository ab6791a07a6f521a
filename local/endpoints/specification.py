"""What a model's container is here: its command, its environment and where its model data is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.containers import Container, Containers, repository
from local.endpoints.errors import DeploymentError
from local.errors import LocalError
from local.jobs.archive import unpack
from local.objects import ObjectStore, copy_file

PackageLookup = Callable[[str], Mapping[str, Any]]
"""A model package's ARN → its CreateModelPackage request."""


@dataclass(frozen=True)
class Specification:
    """One container.

    Attributes:
        image: as the model names it.
        container: what stands in for the image.
        environment: variables of the image and of the model.
        archive: `s3://…/model.tar.gz`, or "".
        prefix: a prefix whose objects are the model uncompressed, or "".
        role: the ARN of the role that the model data is read as.

    """

    image: str
    container: Container
    environment: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""
    prefix: str = ""
    role: str | None = None

    def fetch(self, objects: ObjectStore, folder: Path) -> None:
        """Bring the model data into a folder.

        Raises:
            DeploymentError: there is none, or it is no model archive.

        """
        folder.mkdir(parents=True, exist_ok=True)
        objects = objects.acting_as(self.role)
        try:
            if self.archive:
                path = objects.path(self.archive)
                if not path.is_file():
                    raise DeploymentError(f"Could not find model data at {self.archive}.")
                unpack(path, folder)
            elif self.prefix:
                _copy_prefix(objects, self.prefix, folder)
        except LocalError as error:
            raise DeploymentError(f"Could not load the model data: {error}") from None


def specify(
    model: Mapping[str, Any], containers: Containers, package: PackageLookup | None = None
) -> Specification:
    """Return the container of a CreateModel request.

    Raises:
        DeploymentError: it has several containers, or an image that nothing stands in for.

    """
    given = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model.get("Containers", [])
    if len(given) != 1:
        raise DeploymentError(
            f"model {model.get('ModelName')!r} has {len(given)} containers; exactly one can be served here"
        )
    definition = _of_package(given[0], package)
    image = definition.get("Image", "")
    found = containers.get(repository(image))
    if found is None or not found.serve:
        known = ", ".join(sorted(name for name, item in containers.items() if item.serve))
        raise DeploymentError(f"image {image!r} cannot be served here; these can: {known}")
    source = definition.get("ModelDataSource", {}).get("S3DataSource", {})
    packed = source.get("CompressionType") == "Gzip"
    return Specification(
        image,
        found,
        {**found.environment, **definition.get("Environment", {})},
        archive=definition.get("ModelDataUrl") or (source.get("S3Uri", "") if packed else ""),
        prefix="" if packed else source.get("S3Uri", ""),
        role=model.get("ExecutionRoleArn"),
    )


def _of_package(definition: Mapping[str, Any], package: PackageLookup | None) -> Mapping[str, Any]:
    """Return a container's definition with what its model package says where the definition says nothing."""
    name = definition.get("ModelPackageName")
    if not name or package is None:
        return definition
    listed = package(name).get("InferenceSpecification", {}).get("Containers", [])
    if len(listed) != 1:
        raise DeploymentError(f"model package {name!r} has {len(listed)} containers; one can be served here")
    environment = {**listed[0].get("Environment", {}), **definition.get("Environment", {})}
    return {**listed[0], **definition, "Environment": environment}


def _copy_prefix(objects: ObjectStore, prefix: str, folder: Path) -> None:
    start = len(prefix.partition("://")[2].partition("/")[2])
    for item in objects.find_some(prefix):
        target = folder / (item.key[start:].lstrip("/") or item.path.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(item.path, target)
