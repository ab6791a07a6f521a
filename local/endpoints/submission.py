"""InvokeEndpointAsync: a request is checked, gets its locations and joins the backlog."""

from __future__ import annotations

import base64
import re
import time
import uuid
from typing import TYPE_CHECKING

from local.arns import now
from local.endpoints.backlog import AsyncRequest
from local.endpoints.errors import InvocationError, validation_error
from local.errors import LocalError
from local.objects import split_uri

if TYPE_CHECKING:
    from local.endpoints.endpoint import Endpoint

_PREFIX = b"x-amzn-sagemaker-"
_DEFAULT_TTL = 21_600  # seconds: six hours
_DEFAULT_TIMEOUT = 900
_FILENAME = re.compile(r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9_.-]{0,31}")
_EXTENSION = re.compile(r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]{1,512}")
_INFERENCE_ID = re.compile(r"[!-~][ -~]{0,63}")


def submit(endpoint: Endpoint, headers: dict[bytes, bytes], body: bytes) -> AsyncRequest:
    """Accept a request and return it with its locations.

    Raises:
        InvocationError: ValidationError: the endpoint is not asynchronous, or the request is wrong.

    """
    if endpoint.queue is None:
        raise validation_error(f"endpoint {endpoint.record.name} is not asynchronous: call InvokeEndpoint")
    given = {
        name.removeprefix(_PREFIX).decode(): value.decode("latin-1")
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    location = given.get("inputlocation", "")
    if bool(location) == bool(body):
        raise validation_error("give one of InputLocation and Body")
    inference_id = _matching(given, "inference-id", _INFERENCE_ID) or str(uuid.uuid4())
    own = str(uuid.uuid4())
    config = endpoint.record.configuration.request["AsyncInferenceConfig"]["OutputConfig"]
    output = _below(config["S3OutputPath"], _matching(given, "s3outputpathextension", _EXTENSION))
    failure = config.get("S3FailurePath", "")
    name = _matching(given, "filename", _FILENAME) or f"{own}.out"
    request = AsyncRequest(
        inference_id=inference_id,
        received=now(),
        expires=time.time() + _number(given, "requestttlseconds", _DEFAULT_TTL, 60, 21_600),
        timeout=_number(given, "invocationtimeoutseconds", _DEFAULT_TIMEOUT, 1, 3600),
        content_type=given.get("content-type", ""),
        accept=given.get("accept", ""),
        custom_attributes=given.get("custom-attributes", ""),
        input=location,
        body=base64.b64encode(body).decode(),
        output=_below(output, name),
        failure=_below(failure, f"{own}-error.out") if failure else "",
    )
    _check_locations(request)
    endpoint.queue.backlog.put(request)
    return request


def _below(prefix: str, name: str) -> str:
    return f"{prefix.rstrip('/')}/{name.strip('/')}" if name else prefix


def _matching(given: dict[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = given.get(name, "")
    if value and not pattern.fullmatch(value):
        raise validation_error(f"{name} {value!r} does not match {pattern.pattern}")
    return value


def _number(given: dict[str, str], name: str, default: int, least: int, most: int) -> float:
    text = given.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise validation_error(f"{name} is {text!r}, but must be a number of seconds from {least} to {most}")
    return int(text)


def _check_locations(request: AsyncRequest) -> None:
    for uri in (request.input, request.output, request.failure):
        try:
            if uri:
                split_uri(uri)
        except LocalError as error:
            raise _wrong_location(error) from None


def _wrong_location(error: LocalError) -> InvocationError:
    return validation_error(str(error))
