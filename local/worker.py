"""Runs one job to its end, whatever that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.errors import SERVICE_FAULT, LocalError, StepError, StoppedError, step_failure
from local.jobs.job import Job
from local.steps import JOB_KINDS

STOPPED = "the execution was stopped"
JOB_STOPPED = "the job was stopped"


@dataclass(frozen=True)
class Outcome:
    """How a job ended: exactly one of the first three.

    Attributes:
        properties: what its Describe call would answer, where it completed.
        failure: why it failed.
        stopped: it was ended because it, or its execution, was stopped.
        unexpected: with `failure`: an error that is the runner's own and not the job's.

    """

    properties: dict[str, Any] | None = None
    failure: StepError | None = None
    stopped: bool = False
    unexpected: Exception | None = None

    @property
    def status(self) -> str:
        """The job's status, in the service's words."""
        return "Stopped" if self.stopped else "Failed" if self.failure else "Completed"

    @property
    def reason(self) -> str | None:
        """Why the job ended as it did, or None where it completed."""
        return STOPPED if self.stopped else self.failure.reason if self.failure else None


def execute(job: Job, kind: str) -> Outcome:
    """Run the job of a step of type `kind`, and remove its folder; raises nothing."""
    try:
        with job.control.place():
            return Outcome(properties=JOB_KINDS[kind][1](job))
    except StoppedError:
        return Outcome(stopped=True)
    except StepError as error:
        return Outcome(failure=error)
    except LocalError as error:
        return Outcome(failure=step_failure(error, f"InternalServerError: step {job.step!r}"))
    except KeyError as error:
        return Outcome(failure=StepError(f"ClientError: step {job.step!r}: its Arguments lack {error}"))
    except Exception as error:  # the calling thread records it and raises it
        failure = StepError(f"InternalServerError: step {job.step!r}: {error!r}", SERVICE_FAULT)
        return Outcome(failure=failure, unexpected=error)
    finally:
        job.remove()
