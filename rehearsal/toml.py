"""Settings written as TOML: what `tomllib` reads comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dump(content: Mapping[str, Any]) -> str:
    """Return a TOML document of tables, texts, numbers, truth values and lists of these."""
    return "\n".join(_lines(content, "")) + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from (f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _is_table(value))
    for key, value in table.items():
        if _is_table(value):
            inner = f"{path}.{_key(key)}" if path else _key(key)
            yield f"[{inner}]"
            yield from _lines(value, inner)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _key(key: str) -> str:
    return json.dumps(key)


def _value(value: object) -> str:
    if _is_table(value):
        assert isinstance(value, Mapping)
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # JSON's texts, numbers and truth values are TOML's.
    return json.dumps(value, ensure_ascii=False)
