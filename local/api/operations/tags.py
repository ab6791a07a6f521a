"""Tags of all resources."""

from __future__ import annotations

from typing import Any

from local.api.errors import ServiceError, invalid, limit_exceeded
from local.api.pagination import page
from local.api.registry import operation
from local.api.service import Service

MOST_TAGS = 50
_TABLES = ("resources", "jobs", "models", "model_packages", "model_package_groups", "executions")


def _require(service: Service, arn: str) -> None:
    for table in _TABLES:
        if service.records.rows(f"SELECT 1 FROM {table} WHERE arn = ?", arn):  # noqa: S608
            return
    raise ServiceError("ResourceNotFound", f"there is no resource {arn}")


@operation("AddTags")
def add_tags(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Add tags to a resource, and return all that it has."""
    arn, tags = request["ResourceArn"], request["Tags"]
    _require(service, arn)
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) < len(keys):
        raise invalid("a tag's key is given twice; name each once")
    reserved = [key for key in keys if key.lower().startswith("aws:")]
    if reserved:
        raise invalid(f"keys that begin with aws: are AWS's own: {', '.join(reserved)}")
    service.tags.add(arn, tags)
    borne = service.tags.of(arn)
    if len(borne) > MOST_TAGS:
        raise limit_exceeded(f"{arn} would bear {len(borne)} tags; {MOST_TAGS} are allowed")
    return {"Tags": borne}


@operation("ListTags")
def list_tags(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a resource's tags by key."""
    _require(service, request["ResourceArn"])
    shown, more = page(
        request,
        service.tags.of(request["ResourceArn"]),
        sort={"Key": lambda tag: tag["Key"]},
        identity=lambda tag: tag["Key"],
        order="Ascending",
        results=MOST_TAGS,
    )
    return {"Tags": shown, **more}


@operation("DeleteTags")
def delete_tags(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove tags; keys that are not there are passed over."""
    _require(service, request["ResourceArn"])
    service.tags.remove(request["ResourceArn"], request["TagKeys"])
    return {}
