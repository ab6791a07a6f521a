"""Names, ARNs and times in AWS's form, for the one account and region that a machine stands for."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

ACCOUNT = os.environ.get("TRAINYARD_ACCOUNT", "000000000000")
"""The account in every ARN; another than the default where a deployment names its own."""
REGION = "us-east-1"

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NAME_LIMIT = 63


def arn(kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource, such as `arn("training-job", "x")`."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def pipeline_arn(pipeline: str) -> str:
    """Return the ARN of a pipeline; the service writes the name in lower case."""
    return arn("pipeline", pipeline.lower())


def execution_arn(pipeline: str, execution: str) -> str:
    """Return the ARN of an execution."""
    return f"{pipeline_arn(pipeline)}/execution/{execution}"


def execution_id(text: str) -> str:
    """Return the id in `text`, which is an id or an execution's ARN."""
    return text.rsplit("/", 1)[-1]


def new_execution_id() -> str:
    """Return twelve small letters and digits, as the service draws them."""
    return _drawn(_LETTERS[26:], 12)


def job_name(execution: str, step: str) -> str:
    """Return a fresh `pipelines-EXECUTION-STEP-SUFFIX` for a job or model, 63 characters at most."""
    suffix = _drawn(_LETTERS, 10)
    front = f"pipelines-{execution}-"
    middle = re.sub(r"[^A-Za-z0-9-]", "-", step)[: _NAME_LIMIT - len(front) - len(suffix) - 1].strip("-")
    return f"{front}{middle}-{suffix}"


def _drawn(letters: str, count: int) -> str:
    """Draw letters at random; names need to differ but not to be secret, and `secrets` is slow to import."""
    number, drawn = int.from_bytes(os.urandom(count + 8)), ""
    for _ in range(count):
        number, index = divmod(number, len(letters))
        drawn += letters[index]
    return drawn


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond; texts sort as times."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(start: str | None, end: str | None) -> float:
    """Return the seconds from `start` to `end` (now where there is no end), 0.0 where nothing started."""
    if start is None:
        return 0.0
    return (parse_time(end or now()) - parse_time(start)).total_seconds()


def parse_time(text: str) -> datetime:
    """Read a time that `now` wrote."""
    return datetime.fromisoformat(text)
