"""Which program stands in for which image: repository name → commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from local.errors import StepError


@dataclass(frozen=True)
class Container:
    """What an image does here.

    Attributes:
        train: the command of a training job, or empty where the image trains nothing.
        serve: the command of the inference server, or empty where it serves nothing.
        processing: whether it runs a processing job's own entry point.
        environment: variables that the image brings along.
        relative_seconds: step type → how long such a job takes compared to an average one, where it is known
            to be far from it; which of several jobs starts first goes by that until a run has shown it.

    """

    train: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    processing: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    relative_seconds: Mapping[str, float] = field(default_factory=dict)


Containers = Mapping[str, Container]


def repository(image: str) -> str:
    """Return the repository's name in an image URI: `host/name:tag@sha256:…` → `name`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def container(table: Containers, image: str, step: str) -> Container:
    """Return what stands in for an image.

    Raises:
        StepError: nothing does.

    """
    name = repository(image)
    if name not in table:
        raise StepError(
            f"ClientError: step {step!r} asks for image {image}, which cannot run here; "
            f"these can: {', '.join(sorted(table))}"
        )
    return table[name]


@cache
def package_folder(package: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StepError(f"the package {package!r} is not installed here; install trainyard whole")
    return Path(spec.origin).parent


@cache
def built_in() -> Containers:
    """Return the table of the images that this project stands in for."""
    # An image holds its code, so the algorithms are found whatever the working directory of the job is.
    code = {"PYTHONPATH": str(package_folder("algorithms").parent)}
    return {
        "linear-learner": _algorithm("linear-learner", code),
        "factorization-machines": _algorithm("factorization-machines", code),
        # Nearest neighbours are looked for when rows are answered: on MNIST that takes four times as long as
        # the pipeline's other jobs do on average.
        "knn": _algorithm("knn", code, Transform=4),
        "sagemaker-scikit-learn": Container(processing=True),
    }


def _algorithm(name: str, code: Mapping[str, str], **relative_seconds: float) -> Container:
    command = ("python3", "-m", "algorithms", name)
    return Container(
        (*command, "train"), (*command, "serve"), environment=code, relative_seconds=relative_seconds
    )
