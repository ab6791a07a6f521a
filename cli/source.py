"""Where the commands that only look get what they show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.remote import Remote
    from local.state import State


@contextmanager
def source(on: str) -> Iterator[State | Remote]:
    """Give the state directory, or what AWS tells through boto3.

    The state directory is read past a running service: it holds more than the API tells, such as why the step
    cache missed and where a job's log is.

    Args:
        on: `local` or `aws`.

    """
    if on == "local":
        from local.state import open_state

        with open_state(write=False) as state:
            yield state
        return
    from cli.client import connect
    from cli.remote import Remote
    from local.state import default_home

    with connect(on) as service:
        yield Remote(service, default_home().absolute())
