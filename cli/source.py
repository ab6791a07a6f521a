"""Where the commands that only look get what they show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.client import connect, is_there

if TYPE_CHECKING:
    from cli.results import Source


@contextmanager
def source(on: str) -> Iterator[Source]:
    """Give what a service tells through boto3, or else the state directory, which nobody serves then.

    Args:
        on: `local` or `aws`.

    """
    from local.state import default_home, open_state

    if not is_there(on):
        with open_state(write=False) as state:
            yield state
        return
    from cli.remote import Remote

    with connect(on) as service:
        yield Remote(service, default_home().absolute())
