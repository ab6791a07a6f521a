"""What changed between two pipeline definitions, by path, whatever the order or layout of the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# Lists whose entries are told apart by a name: an entry that merely moved has not changed.
_IDENTITIES = ("Name", "InputName", "OutputName", "ChannelName", "PropertyFileName")

_SHOWN = 80


@dataclass(frozen=True)
class Change:
    """One difference: where, and the value before and after (None where it did not exist)."""

    path: str
    kind: Literal["added", "removed", "changed"]
    old: Any
    new: Any

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {_short(self.new)}"
        if self.kind == "removed":
            return f"- {self.path}: {_short(self.old)}"
        return f"~ {self.path}: {_short(self.old)} → {_short(self.new)}"


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """List what differs between two definitions.

    Paths name steps, parameters, inputs, outputs and channels rather than number them:
    `Steps[Train-knn].Arguments.HyperParameters.k`.
    """
    return list(_differences("", old, new))


def _differences(path: str, old: object, new: object) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _entries(path, "{}.{}" if path else "{}{}", old, new)
    elif isinstance(old, list) and isinstance(new, list):
        named_old, named_new = _by_identity(old), _by_identity(new)
        if named_old is None or named_new is None:
            named_old, named_new = dict(enumerate(old)), dict(enumerate(new))
        yield from _entries(path, "{}[{}]", named_old, named_new)
    elif type(old) is not type(new) or old != new:
        yield Change(path, "changed", old, new)


def _entries(path: str, form: str, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Change]:
    for key, value in old.items():
        where = form.format(path, key)
        if key in new:
            yield from _differences(where, value, new[key])
        else:
            yield Change(where, "removed", value, None)
    for key, value in new.items():
        if key not in old:
            yield Change(form.format(path, key), "added", None, value)


def _by_identity(entries: Sequence[Any]) -> dict[Any, Any] | None:
    """Return name → entry when each entry of the list has a name of its own, else None."""
    for identity in _IDENTITIES:
        if all(isinstance(entry, Mapping) and isinstance(entry.get(identity), str) for entry in entries):
            named = {entry[identity]: entry for entry in entries}
            return named if len(named) == len(entries) else None
    return None


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
