"""One request of the AWS JSON protocol: named by its target, validated, answered."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from local.api.errors import ServiceError, conflict
from local.api.model import service_model
from local.api.protocol import answer, parse
from local.api.registry import changes, operations
from local.api.service import Service
from local.api.validation import validate

_TARGET = "SageMaker."
_TOKENS = ("ClientRequestToken", "ClientToken")


def handle(service: Service, target: str, body: bytes) -> bytes:
    """Return the body of the answer to a request.

    Args:
        service: the service.
        target: the header X-Amz-Target, such as `SageMaker.CreateModel`.
        body: the request's body.

    Raises:
        ServiceError: the request is refused.

    """
    name = target.removeprefix(_TARGET)
    if not target.startswith(_TARGET) or name not in service_model().operation_names:
        raise ServiceError("UnknownOperationException", f"there is no operation {target!r}")
    return answer(service_model().operation_model(name).output_shape, call(service, name, parse(body)))


def call(service: Service, name: str, given: object) -> dict[str, Any]:
    """Return the members of the answer to a request, which is validated first.

    Raises:
        ServiceError: the request is refused.

    """
    function = operations().get(name)
    if function is None:
        raise ServiceError("UnknownOperationException", f"{name} is not among the operations of this machine")
    request = validate(service_model().operation_model(name).input_shape, given)
    if not changes(name):
        return function(service, request)
    with service.change():
        return _once(service, name, request, function)


def _once(service: Service, name: str, request: dict[str, Any], function: Any) -> dict[str, Any]:
    """Call an operation, or give the answer that the same request with the same token was given."""
    token = next((request[member] for member in _TOKENS if member in request), None)
    if token is None:
        return dict(function(service, request))
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
    earlier = service.records.rows("SELECT * FROM tokens WHERE operation = ? AND token = ?", name, token)
    if earlier and earlier[0]["request"] != digest:
        raise conflict(
            f"the token {token!r} was used for another {name} request; a new request takes a new token"
        )
    if earlier:
        return dict(json.loads(earlier[0]["answer"]))
    given = dict(function(service, request))
    row = {"operation": name, "token": token, "request": digest, "answer": json.dumps(given)}
    service.records.insert("tokens", {**row, "created": service.clock()})
    return given
