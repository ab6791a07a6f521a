"""Resources of the SageMaker API that are mere records, tags of any resource, and answers already given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.arns import now
from local.records import Records, Row


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes:
        kind: as in its ARN: pipeline, endpoint, endpoint-config, domain, …
        name: its name, unique within its kind; where AWS's is not (a space of a domain), `DOMAIN/NAME`.
        arn: its ARN.
        status: in the service's words; "" where such a resource has none.
        request: the Create request, with what updates changed.
        description: what its Describe answer says besides.
        created: ISO 8601, UTC.
        modified: likewise.

    """

    kind: str
    name: str
    arn: str
    status: str
    request: dict[str, Any]
    description: dict[str, Any]
    created: str
    modified: str


class Resources:
    """The table of resources."""

    def __init__(self, records: Records):
        self._records = records

    def add(
        self,
        kind: str,
        name: str,
        arn: str,
        request: Mapping[str, Any],
        *,
        status: str = "",
        description: Mapping[str, Any] | None = None,
    ) -> Resource:
        """Record a resource; one of the same name is replaced, so look first."""
        time = now()
        made = Resource(kind, name, arn, status, dict(request), dict(description or {}), time, time)
        self._records.insert(
            "resources",
            {
                **made.__dict__,
                "request": json.dumps(made.request),
                "description": json.dumps(made.description),
            },
        )
        return made

    def get(self, kind: str, name: str) -> Resource | None:
        """Return a resource, or None where there is none."""
        rows = self._records.rows("SELECT * FROM resources WHERE kind = ? AND name = ?", kind, name)
        return _resource(rows[0]) if rows else None

    def find(self, arn: str) -> Resource | None:
        """Return the resource with this ARN, or None."""
        rows = self._records.rows("SELECT * FROM resources WHERE arn = ?", arn)
        return _resource(rows[0]) if rows else None

    def all(self, kind: str) -> list[Resource]:
        """Return all resources of a kind, oldest first."""
        rows = self._records.rows("SELECT * FROM resources WHERE kind = ? ORDER BY created, rowid", kind)
        return [_resource(row) for row in rows]

    def update(
        self,
        kind: str,
        name: str,
        *,
        status: str | None = None,
        request: Mapping[str, Any] | None = None,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        """Change a resource; `request` and `description` replace the whole of what was there."""
        values: dict[str, object] = {"modified": now()}
        if status is not None:
            values["status"] = status
        if request is not None:
            values["request"] = json.dumps(request)
        if description is not None:
            values["description"] = json.dumps(description)
        self._records.update("resources", {"kind": kind, "name": name}, values)

    def delete(self, kind: str, name: str) -> None:
        """Remove a resource and its tags."""
        with self._records.transaction():
            resource = self.get(kind, name)
            if resource:
                self._records.delete("tags", {"arn": resource.arn})
                self._records.delete("resources", {"kind": kind, "name": name})


def _resource(row: Row) -> Resource:
    values = {**dict(row), "request": json.loads(row["request"])}
    return Resource(**{**values, "description": json.loads(row["description"])})


class Tags:
    """Tags by the ARN of what bears them."""

    def __init__(self, records: Records):
        self._records = records

    def of(self, arn: str) -> list[dict[str, str]]:
        """Return a resource's tags as the service lists them, sorted by key."""
        rows = self._records.rows("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", arn)
        return [{"Key": row["key"], "Value": row["value"]} for row in rows]

    def add(self, arn: str, tags: Iterable[Mapping[str, str]]) -> None:
        """Add tags; one with the same key gets the new value."""
        for tag in tags:
            self._records.insert("tags", {"arn": arn, "key": tag["Key"], "value": tag["Value"]})

    def remove(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags; keys that are not there are passed over."""
        for key in keys:
            self._records.delete("tags", {"arn": arn, "key": key})

    def clear(self, arn: str) -> None:
        """Remove all tags of a resource."""
        self._records.delete("tags", {"arn": arn})


def pipeline_role(records: Records, pipeline: str) -> str | None:
    """Return the ARN of a pipeline's role; None for one that was never created, as a run needs none here."""
    found = Resources(records).get("pipeline", pipeline)
    role: str | None = found.request.get("RoleArn") if found else None
    return role
