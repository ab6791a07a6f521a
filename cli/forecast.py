"""What a run on AWS would cost: seconds measured here, priced on the instances that a definition asks for.

The arithmetic, in one line: billed seconds = start-up + seconds here / speed, for each instance of a job. The
service bills a training job from when its instances begin to load image and data to its end, and not the wait
for instances (TrainingStartTime in SageMaker's reference of DescribeTrainingJob); the same is taken to hold
for processing and transform jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.errors import UsageError
from cli.prices import Prices
from pipeline.definition import Parameter, steps

STARTUP_SECONDS = 60.0
"""What a job is billed for before its work begins: an assumption, since nothing here has run on AWS."""

_CLUSTERS: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "Processing": lambda arguments: arguments["ProcessingResources"]["ClusterConfig"],
    "Training": lambda arguments: arguments["ResourceConfig"],
    "Transform": lambda arguments: arguments["TransformResources"],
}
"""Step types that are billed, and where their Arguments name instances."""


@dataclass(frozen=True)
class Job:
    """What a step asks of AWS."""

    step: str
    type: str
    instance_type: str
    instances: int


@dataclass(frozen=True)
class Measured:
    """How long a step took here, in seconds, and in which execution."""

    seconds: float
    execution: str


@dataclass(frozen=True)
class Line:
    """A job's price: seconds here, seconds billed on each instance, US dollars."""

    job: Job
    measured: Measured
    billed_seconds: float
    usd_per_hour: float

    @property
    def usd(self) -> float:
        """What all instances of the job cost together."""
        return self.billed_seconds * self.job.instances * self.usd_per_hour / 3600


def jobs(definition: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> Iterator[Job]:
    """Yield the steps of a definition that are billed, those in branches included.

    Raises:
        UsageError: instances follow from something that only an execution knows.

    """
    for placed in steps(definition):
        if placed.type in _CLUSTERS:
            cluster = _CLUSTERS[placed.type](placed.step["Arguments"])
            kind = _value(placed.name, cluster["InstanceType"], parameters)
            count = _value(placed.name, cluster["InstanceCount"], parameters)
            yield Job(placed.name, placed.type, str(kind), int(count))


def _value(step: str, value: Any, parameters: Mapping[str, Parameter]) -> Parameter:
    if not isinstance(value, Mapping):
        known: Parameter = value
        return known
    source = value.get("Get")
    name = str(source).removeprefix("Parameters.")
    if name not in parameters:
        raise UsageError(f"{step}: its instances follow from {source}, which is known only once it runs")
    return parameters[name]


def measured(
    wanted: Sequence[Job], executions: Sequence[str], describe: Callable[[str], Mapping[str, Any]]
) -> dict[str, Measured]:
    """Return of each step how long its job took, from the newest execution in which it succeeded.

    What came from the step cache counts with the seconds of the execution that ran it. Steps that no
    execution tells of are left out.

    Args:
        wanted: the steps.
        executions: ids, newest first.
        describe: returns an execution with its steps.

    """
    found: dict[str, Measured] = {}
    missing = {job.step for job in wanted}
    for execution in executions:
        if not missing:
            break
        for step in describe(execution)["steps"]:
            if step["name"] in missing and step["status"] == "Succeeded":
                origin = _origin(step, execution, describe)
                if origin is not None:
                    found[step["name"]] = origin
        missing -= found.keys()
    return found


def _origin(
    step: Mapping[str, Any], execution: str, describe: Callable[[str], Mapping[str, Any]]
) -> Measured | None:
    """Return the run of a step's job, which a cached step owes to another execution."""
    if not step["cached"]:
        return Measured(_seconds(step), execution)
    source = step["cache_source"]
    for candidate in describe(source)["steps"]:
        if candidate["name"] == step["name"] and not candidate["cached"]:
            return Measured(_seconds(candidate), source)
    return None


def _seconds(step: Mapping[str, Any]) -> float:
    """Return what the job's own process took, or else the time from the step's start to its end."""
    return float(step.get("process_seconds") or step["seconds"])


def lines(
    wanted: Sequence[Job],
    times: Mapping[str, Measured],
    prices: Prices,
    *,
    startup: float = STARTUP_SECONDS,
    speed: float = 1.0,
) -> list[Line]:
    """Return each job's price.

    Args:
        wanted: the jobs.
        times: step → how long it took here.
        prices: the table.
        startup: seconds billed before a job's work begins.
        speed: how many times as fast as this machine an instance works.

    Raises:
        UsageError: an instance type has no price.

    """
    return [
        Line(
            job,
            times[job.step],
            startup + times[job.step].seconds / speed,
            prices.hour(job.instance_type, f"step {job.step}"),
        )
        for job in wanted
    ]
