"""AWS JSON 1.1: bodies to requests, answers and errors to bodies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.api.errors import ServiceError
from local.arns import parse_time

CONTENT_TYPE = "application/x-amz-json-1.1"


def parse(body: bytes) -> object:
    """Return the JSON value in a body; an empty body is an empty request.

    Raises:
        ServiceError: SerializationException: no JSON, or nested beyond reason.

    """
    try:
        return json.loads(body or b"{}", parse_constant=_refuse_constant)
    except RecursionError:
        raise ServiceError("SerializationException", "the body is nested too deeply") from None
    except ValueError as error:
        raise ServiceError("SerializationException", f"the body is not JSON: {error}") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def answer(shape: Any, value: Mapping[str, Any]) -> bytes:
    """Return the body of an answer: what the shape has of `value`, in the order of the model."""
    return json.dumps(shaped(shape, value) if shape is not None else {}).encode()


def shaped(shape: Any, value: Any) -> Any:
    """Return a value as the shape has it: members that it lacks are left out, times become seconds."""
    kind = shape.type_name
    if kind == "structure":
        return {
            name: shaped(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [shaped(shape.member, item) for item in value]
    if kind == "map":
        return {key: shaped(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return seconds(value)
    if kind in ("float", "double") and not math.isfinite(value):
        return str(value)
    return value


def seconds(value: str | float | datetime) -> float:
    """Return a time as seconds since 1970."""
    if isinstance(value, str):
        value = parse_time(value)
    return value.timestamp() if isinstance(value, datetime) else value


def error_body(error: ServiceError) -> bytes:
    """Return the body that tells an error; clients read the code from `__type`."""
    return json.dumps({"__type": error.code, "message": error.message}).encode()
