"""Models: containers with the data that they serve."""

from __future__ import annotations

import json
from typing import Any

from local.api.errors import invalid
from local.api.operations.model_packages import package
from local.api.pagination import page, wanted
from local.api.registry import operation
from local.api.service import Service
from local.arns import arn
from local.errors import LocalError
from local.records import Row


def model(service: Service, name: str) -> Row:
    """Return a model's row.

    Raises:
        ServiceError: ValidationException, as on AWS, where there is none.

    """
    rows = service.records.rows("SELECT * FROM models WHERE name = ?", name)
    if not rows:
        raise invalid(f'Could not find model "{arn("model", name.lower())}".')
    return rows[0]


@operation("CreateModel")
def create_model(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Make a model of containers whose data, or whose model packages, exist."""
    name = request["ModelName"]
    own = arn("model", name.lower())
    if service.records.rows("SELECT name FROM models WHERE arn = ?", own):
        raise invalid(f'Cannot create already existing model "{own}".')
    if ("PrimaryContainer" in request) == ("Containers" in request):
        raise invalid("give one of PrimaryContainer and Containers")
    for container in request.get("Containers") or [request.get("PrimaryContainer", {})]:
        _check(service, container)
    kept = {key: value for key, value in request.items() if key != "Tags"}
    service.records.add_model(name, kept, None)
    service.tags.add(own, request.get("Tags", []))
    return {"ModelArn": own}


def _check(service: Service, container: dict[str, Any]) -> None:
    if "ModelPackageName" in container:
        package(service, container["ModelPackageName"])
        return
    if "Image" not in container:
        raise invalid("a container needs an Image or a ModelPackageName")
    uri = container.get("ModelDataUrl")
    try:
        if uri and not service.state.objects.path(uri).is_file():
            raise invalid(f"Could not find model data at {uri}.")
    except LocalError as error:
        raise invalid(str(error)) from None


@operation("DescribeModel")
def describe_model(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return a model."""
    row = model(service, request["ModelName"])
    asked = json.loads(row["request"])
    return {
        "EnableNetworkIsolation": False,
        **asked,
        "ModelName": row["name"],
        "ModelArn": row["arn"],
        "CreationTime": row["created"],
    }


@operation("ListModels")
def list_models(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return models, newest first."""
    items = [
        {"ModelName": row["name"], "ModelArn": row["arn"], "CreationTime": row["created"]}
        for row in service.records.rows("SELECT * FROM models")
    ]
    shown, more = page(
        request,
        wanted(request, items, "ModelName"),
        sort={"CreationTime": lambda item: item["CreationTime"], "Name": lambda item: item["ModelName"]},
        identity=lambda item: item["ModelName"],
    )
    return {"Models": shown, **more}


@operation("DeleteModel")
def delete_model(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a model; endpoints that serve it go on, as on AWS."""
    row = model(service, request["ModelName"])
    service.records.delete("models", {"name": row["name"]})
    service.tags.clear(row["arn"])
    return {}
