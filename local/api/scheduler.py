"""EventBridge Scheduler's API: schedules of the group `default`, REST with JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from local.api.errors import ServiceError, conflict, invalid
from local.api.model import service_model
from local.api.pagination import page
from local.api.protocol import answer, parse
from local.api.service import Service
from local.api.validation import validate
from local.cron import ExpressionError, trigger
from local.resources import Resource
from local.schedules import GROUP, KIND, TargetError, require_target, schedule_arn

_JSON = "application/json"
_PATH = re.compile(r"/schedules(?:/(?P<name>[^/]+))?/?")
_STATUS = {"ConflictException": 409, "ResourceNotFoundException": 404}
_NUMBERS = ("MaxResults",)


def answer_schedules(service: Service, request: Request, body: bytes) -> Response:
    """Answer one request."""
    try:
        return Response(_answer(service, request, body), media_type=_JSON)
    except ServiceError as error:
        status = _STATUS.get(error.code, error.status)
        content = json.dumps({"Message": error.message}).encode()
        return Response(content, status, {"x-amzn-ErrorType": error.code}, _JSON)


def _answer(service: Service, request: Request, body: bytes) -> bytes:
    match = _PATH.fullmatch(request.url.path)
    name = match["name"] if match else None
    operation = _OPERATIONS.get((request.method, name is not None)) if match else None
    if operation is None:
        raise ServiceError(
            "UnknownOperationException", f"{request.method} {request.url.path} is not supported here", 404
        )
    model = service_model("scheduler").operation_model(operation.__name__.title().replace("_", ""))
    given = parse(body) if request.method in ("POST", "PUT") else _query(request)
    if isinstance(given, dict) and name is not None:
        given = {**given, "Name": unquote(name)}
    asked = validate(model.input_shape, given)
    if asked.get("GroupName", GROUP) != GROUP:
        raise _missing(f"Schedule group {asked['GroupName']} does not exist; there is {GROUP} alone here.")
    with service.change():
        return answer(model.output_shape, operation(service, asked))


def _query(request: Request) -> dict[str, Any]:
    names = {"groupName": "GroupName", "scheduleGroup": "GroupName", "clientToken": "ClientToken"}
    query: dict[str, Any] = {names.get(key, key): value for key, value in request.query_params.items()}
    for name in _NUMBERS:
        if name in query and query[name].isascii() and query[name].isdigit():
            query[name] = int(query[name])
    return query


def _missing(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message)


def _schedule(service: Service, name: str) -> Resource:
    found = service.resources.get(KIND, name)
    if found is None:
        raise _missing(f"Schedule {name} does not exist.")
    return found


def create_schedule(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """CreateSchedule."""
    name, token = request["Name"], request.get("ClientToken")
    found = service.resources.get(KIND, name)
    if found and (token is None or found.description.get("ClientToken") != token):
        raise conflict(f"Schedule {name} already exists.")
    if found is None:
        kept = checked(service, request)
        found = service.resources.add(
            KIND, name, schedule_arn(name), kept, description={"ClientToken": token}
        )
        service.later(lambda: service.schedules.arm(_schedule(service, name)))
    return {"ScheduleArn": found.arn}


def update_schedule(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateSchedule: replaces the whole of it, as on AWS."""
    found = _schedule(service, request["Name"])
    service.resources.update(KIND, found.name, request=checked(service, request))
    service.later(lambda: service.schedules.arm(_schedule(service, found.name)))
    return {"ScheduleArn": found.arn}


def checked(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a request; expressions and targets that cannot work are refused."""
    try:
        require_target(request["Target"])
        trigger(
            request["ScheduleExpression"],
            request.get("ScheduleExpressionTimezone", "UTC"),
            datetime.fromisoformat(service.clock()),
        )
    except (ExpressionError, TargetError) as error:
        raise invalid(f"Invalid Schedule: {error}") from None
    kept = {key: value for key, value in request.items() if key not in ("Name", "ClientToken", "GroupName")}
    dates: dict[str, Any] = {key: kept[key].isoformat() for key in ("StartDate", "EndDate") if key in kept}
    return {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", **kept, **dates}


def get_schedule(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """GetSchedule."""
    found = _schedule(service, request["Name"])
    return {**_summary(found), **found.request}


def _summary(item: Resource) -> dict[str, Any]:
    return {
        "Arn": item.arn,
        "Name": item.name,
        "GroupName": GROUP,
        "State": item.request["State"],
        "CreationDate": item.created,
        "LastModificationDate": item.modified,
        "Target": item.request["Target"],
    }


def list_schedules(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """ListSchedules."""
    items = [
        _summary(item)
        for item in service.resources.all(KIND)
        if item.name.startswith(request.get("NamePrefix", ""))
        and request.get("State", item.request["State"]) == item.request["State"]
    ]
    shown, more = page(
        request,
        items,
        sort={"Name": lambda item: item["Name"]},
        identity=lambda item: item["Name"],
        order="Ascending",
        results=100,
    )
    return {"Schedules": shown, **more}


def delete_schedule(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """DeleteSchedule."""
    found = _schedule(service, request["Name"])
    service.resources.delete(KIND, found.name)
    service.later(lambda: service.schedules.disarm(found.name))
    return {}


_OPERATIONS: dict[tuple[str, bool], Callable[[Service, dict[str, Any]], dict[str, Any]]] = {
    ("POST", True): create_schedule,
    ("PUT", True): update_schedule,
    ("GET", True): get_schedule,
    ("DELETE", True): delete_schedule,
    ("GET", False): list_schedules,
}
"""(method, whether a name is in the path) → what answers it."""
