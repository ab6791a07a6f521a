"""Data schemas of Amazon Machine Learning: the type of each column of a CSV file, and the target among them.

    {"version": "1.0", "rowId": "id", "targetAttributeName": "label", "dataFormat": "CSV",
     "dataFileContainsHeader": true,
     "attributes": [{"attributeName": "label", "attributeType": "CATEGORICAL"}, …],
     "excludedAttributeNames": []}

Source of the format: the service's developer guide, "Creating a Data Schema", and its API reference for the
older spellings (`targetFieldName`, `fieldName`, `fieldType`, `excludedVariableNames`, …). Without a header
the attributes are the file's columns in order. A schema for batch predictions has no target.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processing.container import InputError

BINARY, CATEGORICAL, NUMERIC, TEXT = TYPES = ("BINARY", "CATEGORICAL", "NUMERIC", "TEXT")
BINARY_WORDS = {
    **dict.fromkeys(("0", "n", "no", "f", "false"), 0.0),
    **dict.fromkeys(("1", "y", "yes", "t", "true"), 1.0),
}
"""Values of a BINARY attribute, in any case, and what they mean."""
NOT_BINARY = "is no BINARY value; use 0 or 1, n or y, no or yes, f or t, false or true"

SPELLINGS = {
    "version": ("version",),
    "rowId": ("rowId", "rowIdFieldName", "rowIdAttributeName", "recordAnnotationFieldName"),
    "targetAttributeName": ("targetAttributeName", "targetFieldName"),
    "dataFormat": ("dataFormat",),
    "dataFileContainsHeader": ("dataFileContainsHeader",),
    "attributes": ("attributes",),
    "excludedAttributeNames": ("excludedAttributeNames", "excludedFieldNames", "excludedVariableNames"),
    "weight": ("weight", "recordWeightFieldName", "weightAttributeName"),
}
ATTRIBUTE_SPELLINGS = {
    "attributeName": ("attributeName", "fieldName"),
    "attributeType": ("attributeType", "fieldType"),
}
VERSION = "1.0"


@dataclass(frozen=True)
class Schema:
    """A checked schema.

    types: attribute name → type, in the order of the schema's attributes, excluded ones and the target
        included.
    header: whether the file's first record names the columns.
    """

    types: Mapping[str, str]
    target: str | None
    row_id: str | None = None
    excluded: tuple[str, ...] = ()
    header: bool = True

    @property
    def inputs(self) -> dict[str, str]:
        """What a model may learn from: all attributes but target, row id and excluded ones."""
        apart = {self.target, self.row_id, *self.excluded}
        return {name: kind for name, kind in self.types.items() if name not in apart}

    def without_target(self) -> Schema:
        """Return the schema of the same rows before their target is known."""
        types = {name: kind for name, kind in self.types.items() if name != self.target}
        return Schema(types, None, self.row_id, self.excluded, self.header)

    def as_json(self) -> dict[str, Any]:
        """Return the schema in the service's newer spelling."""
        return {
            "version": VERSION,
            **({"rowId": self.row_id} if self.row_id is not None else {}),
            **({"targetAttributeName": self.target} if self.target is not None else {}),
            "dataFormat": "CSV",
            "dataFileContainsHeader": self.header,
            "attributes": [
                {"attributeName": name, "attributeType": kind} for name, kind in self.types.items()
            ],
            "excludedAttributeNames": list(self.excluded),
        }


def read_schema(path: Path) -> Schema:
    """Read a schema file; InputError names what is wrong with it."""
    return parse_schema(read_json(path, "schema"), str(path))


def read_json(path: Path, what: str) -> Any:
    """Return a JSON file's content; InputError where it is none, or where a key occurs twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} is there twice")
            seen[key] = value
        return seen

    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=unique)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; put the {what} there") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); correct the {what}") from error


def parse_schema(content: Any, source: str) -> Schema:
    """Check a schema's JSON; InputError names, after `source`, the culprit, its value and the cure."""
    found = _spelled(content, SPELLINGS, source)
    if found.get("version", VERSION) != VERSION:
        raise InputError(f"{source}: version is {found['version']!r}; the only one is {VERSION!r}")
    if found.get("dataFormat", "CSV") != "CSV":
        raise InputError(f"{source}: dataFormat is {found['dataFormat']!r}; the only one is 'CSV'")
    if found.get("weight") is not None:
        raise InputError(f"{source}: the rows' weight {found['weight']!r} is not supported; leave it out")
    header = found.get("dataFileContainsHeader", False)
    if not isinstance(header, bool):
        raise InputError(f"{source}: dataFileContainsHeader is {header!r}; write true or false")
    types = _attributes(found.get("attributes"), source)
    target = _named(found, "targetAttributeName", types, source)
    row_id = _named(found, "rowId", types, source)
    excluded = _excluded(found.get("excludedAttributeNames"), types, source)
    for name, role in ((target, "targetAttributeName"), (row_id, "rowId")):
        if name in excluded:
            raise InputError(
                f"{source}: {role} {name!r} is in excludedAttributeNames, too; take it out there"
            )
    if target is not None and target == row_id:
        raise InputError(f"{source}: {target!r} is both target and row id; name another for one of them")
    schema = Schema(types, target, row_id, excluded, header)
    if not schema.inputs:
        raise InputError(f"{source}: no attribute is left to learn from; exclude fewer, or add some")
    return schema


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` where a known name is near, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Return names for a message, the first `limit` of them."""
    every = list(names)
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def _spelled(content: Any, spellings: Mapping[str, tuple[str, ...]], source: str) -> dict[str, Any]:
    """Return the newer spelling of each key → its value."""
    if not isinstance(content, dict):
        raise InputError(f"{source}: a JSON object is wanted, not {type(content).__name__}")
    newer = {spelling: key for key, names in spellings.items() for spelling in names}
    found: dict[str, Any] = {}
    for spelling, value in content.items():
        if spelling not in newer:
            raise InputError(
                f"{source}: unknown key {spelling!r}{nearest(spelling, newer)}; known: {', '.join(spellings)}"
            )
        if newer[spelling] in found:
            raise InputError(f"{source}: {spelling!r} says again what another spelling said; keep one")
        found[newer[spelling]] = value
    return found


def _attributes(entries: Any, source: str) -> dict[str, str]:
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{source}: attributes is {entries!r}; list the file's columns there")
    types: dict[str, str] = {}
    for number, entry in enumerate(entries):
        where = f"{source}: attributes[{number}]"
        found = _spelled(entry, ATTRIBUTE_SPELLINGS, where)
        name, kind = found.get("attributeName"), found.get("attributeType")
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{where}: attributeName is {name!r}; give the column's name")
        if kind not in TYPES:
            raise InputError(f"{where}: {name!r} has attributeType {kind!r}; use {', '.join(TYPES)}")
        if name in types:
            raise InputError(f"{where}: the attribute {name!r} is there twice; keep one")
        types[name] = kind
    return types


def _named(found: Mapping[str, Any], key: str, types: Mapping[str, str], source: str) -> str | None:
    name = found.get(key)
    if name is None:
        return None
    if not isinstance(name, str) or name not in types:
        near = nearest(name, types) if isinstance(name, str) else ""
        raise InputError(f"{source}: {key} {name!r} is not one of the attributes{near}; add it to them")
    return name


def _excluded(names: Any, types: Mapping[str, str], source: str) -> tuple[str, ...]:
    if names is None:
        return ()
    if not isinstance(names, list):
        raise InputError(f"{source}: excludedAttributeNames is {names!r}; write a list of names")
    for name in names:
        if name not in types:
            near = nearest(name, types) if isinstance(name, str) else ""
            raise InputError(f"{source}: excluded {name!r} is not one of the attributes{near}; correct it")
    return tuple(dict.fromkeys(names))
