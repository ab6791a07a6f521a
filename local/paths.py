"""Paths into JSON documents: `a.b[0]['c.d']`, as Get and Std:JsonGet write them."""

from __future__ import annotations

import json
import re

Token = str | int

_TOKEN = re.compile(
    r"""(?:^|\.)(?P<name>[^.\[\]'"]+)     # a name, after a dot unless it is the first
      | \[(?P<index>[0-9]+)\]             # an index
      | \['(?P<single>[^']*)'\]           # a key that may hold dots
      | \["(?P<double>[^"]*)"\]
    """,
    re.VERBOSE,
)


class PathError(Exception):
    """A path that is malformed, or that leads nowhere; the message says where it broke off."""


def tokens(path: str) -> list[Token]:
    """Split a path into keys and indices.

    Raises:
        PathError: `path` is not of the form `a.b[0]['c.d']`.

    """
    found: list[Token] = []
    position = 0
    while position < len(path):
        match = _TOKEN.match(path, position)
        if match is None:
            raise PathError(f"the path breaks off at {path[position:]!r}; write it as a.b[0]['c.d']")
        index = match["index"]
        found.append(int(index) if index is not None else next(g for g in match.groups() if g is not None))
        position = match.end()
    if not found:
        raise PathError("the path is empty")
    return found


def walk(document: object, path: str, names: tuple[str, ...] = ()) -> object:
    """Return what `path` leads to in a document of dictionaries and lists.

    Args:
        document: a JSON value.
        path: as `tokens` reads it.
        names: fields by which a list's entries can be addressed besides their index, as the service does
            with `Outputs['train']`, which is the entry whose OutputName is train.

    Raises:
        PathError: a key, index or container on the way is not there.

    """
    value = document
    for token in tokens(path):
        value = _step(value, token, names)
    return value


def _step(value: object, token: Token, names: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        if token in value:
            return value[token]
        there = ", ".join(map(str, value)) or "nothing"
        raise PathError(f"there is no {token!r}; there is {there[:200]}")
    if isinstance(value, list) and isinstance(token, int):
        if token < len(value):
            return value[token]
        raise PathError(f"there is no [{token}]; the list has {len(value)} entries")
    if isinstance(value, list) and names:
        return _entry(value, str(token), names)
    raise PathError(f"{json.dumps(value)[:80]} has no {token!r}")


def _entry(listed: list[object], wanted: str, names: tuple[str, ...]) -> object:
    found = {
        str(entry[name]): entry
        for entry in listed
        if isinstance(entry, dict)
        for name in names
        if name in entry
    }
    if wanted in found:
        return found[wanted]
    raise PathError(f"there is no [{wanted!r}]; there is {', '.join(found)[:200] or 'nothing'}")
