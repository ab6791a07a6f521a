"""What the executor tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened in an execution.

    Attributes:
        kind: execution-started, step-started, step-succeeded, step-failed, step-cached, step-retrying,
            step-stopped or execution-ended.
        execution: the execution's id.
        step: the step's name, or "" for the execution as a whole.
        type: the step's type.
        status: the step's or execution's status afterwards, in the service's words.
        seconds: how long the step or execution took so far.
        message: the failure's reason, why the cache served the step or not, or when it is tried again.
        outcome: "True" or "False" for a Condition step.
        log: the file with the job's output, or "".

    """

    kind: str
    execution: str
    step: str = ""
    type: str = ""
    status: str = ""
    seconds: float = 0.0
    message: str = ""
    outcome: str = ""
    log: str = ""


OnEvent = Callable[[Event], None]
