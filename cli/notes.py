"""What this machine's records add to what SageMaker tells of an execution's steps.

AWS has no words for why its step cache missed, and names log groups; an execution that ran here has a reason,
a file, and a time that its process alone took.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NOTED = ("cache_reason", "log", "process_seconds")


def notes(home: Path, execution: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what is noted of each step: step → what is known of `_NOTED`.

    Args:
        home: the state directory.
        execution: an id or ARN; one that did not run here has no notes.

    """
    from local.errors import NotFoundError
    from local.state import open_state

    with open_state(home) as state:
        try:
            steps = state.describe(execution)["steps"]
        except NotFoundError:
            return {}
    return {step["name"]: {key: step[key] for key in _NOTED if step[key]} for step in steps}
