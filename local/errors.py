"""What can go wrong on this machine, and how a failed step is told apart from a run that cannot start."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JOB_INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
SERVICE_FAULT = "Step.SERVICE_FAULT"

LONGEST_REASON = 1024
"""Characters of a FailureReason, as the service cuts it."""


class LocalError(Exception):
    """The runner cannot do what was asked; the message is one line with culprit, value and cure."""


class BusyError(LocalError):
    """Another process holds the state directory."""


class NotFoundError(LocalError):
    """No such execution, object, model or model package."""


class DiskFullError(LocalError):
    """No space is left where the state directory is."""


class StepError(Exception):
    """A step failed.

    Attributes:
        reason: its FailureReason.
        fault: the exception type of a retry policy that names it (such as `SageMaker.JOB_INTERNAL_ERROR`), or
            "" where the customer has to cure it: no policy retries that.

    """

    def __init__(self, reason: str, fault: str = ""):
        super().__init__(reason)
        self.reason = " ".join(reason.split())[:LONGEST_REASON]
        self.fault = fault


def step_failure(error: LocalError, context: str) -> StepError:
    """Return the failure of a step whose job met a `LocalError`; `context` begins with the kind of error.

    No policy retries it: neither a missing object nor a full disk is cured by waiting.
    """
    return StepError(f"{context}: {error}")


class StoppedError(Exception):
    """The execution is being stopped: the job was ended on purpose."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn "no space left" (or a spent quota), raised while `path` is written, into `DiskFullError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(path) from None
        raise


def disk_full(path: Path) -> DiskFullError:
    """Return the error for a disk that filled up while `path` was written."""
    return DiskFullError(
        f"no space left on the disk while writing {path}; nothing was half-written: free some space, then "
        "run again, or go on with `trainyard run --resume EXECUTION` (`trainyard executions` lists them)"
    )
