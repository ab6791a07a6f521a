"""What goes wrong with definitions, said so that the reader can put it right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence


class DefinitionError(ValueError):
    """A definition, a name or a parameter that cannot be used; the message says why and the cure."""


def nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """Return " (did you mean 'X'?)" when a known name is close to `name`, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
