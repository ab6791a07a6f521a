"""One invocation: to a variant's container and back, with the error that the caller reads otherwise."""

from __future__ import annotations

import time
from dataclasses import dataclass

from local.endpoints.capture import Capture, Exchange
from local.endpoints.connection import Answer, Body, Request
from local.endpoints.errors import InvocationError, model_error, model_timeout
from local.endpoints.fleet import Fleet
from local.endpoints.routing import Router
from local.endpoints.variant import Variant

ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
INFERENCE_ID = b"x-amzn-sagemaker-inference-id"

_PASSED_ON = (
    (b"content-type", b"Content-Type: "),
    (b"accept", b"Accept: "),
    (ATTRIBUTES, b"X-Amzn-SageMaker-Custom-Attributes: "),
    (INFERENCE_ID, b"X-Amzn-SageMaker-Inference-Id: "),
)
_FAULT = 500


@dataclass(frozen=True)
class Result:
    """A container's answer with a status of 2xx, and the variant that gave it."""

    variant: str
    answer: Answer


def container_request(headers: dict[bytes, bytes], body: Body) -> Request:
    """Return the HTTP request to a container: the headers that the service passes on, and the body."""
    head = b"POST /invocations HTTP/1.1\r\nHost: container\r\n"
    for name, written in _PASSED_ON:
        value = headers.get(name)
        if value is not None:
            head += written + value + b"\r\n"
    return Request(b"%bContent-Length: %d\r\n\r\n" % (head, len(body)), body)


async def invoke(
    endpoint: str,
    router: Router,
    headers: dict[bytes, bytes],
    body: Body,
    *,
    target: str = "",
    timeout: float,
    capture: Capture | None = None,
) -> Result:
    """Send a request to a variant's container and return its answer.

    While two fleets take requests, in an update, what the new one fails is answered by the old one: the fault
    counts against the new fleet and the caller does not notice.

    Args:
        endpoint: the endpoint's name.
        router: its fleets.
        headers: the request's, by lower-case name.
        body: its body.
        target: the variant that the caller wants, or "".
        timeout: seconds that the container gets.
        capture: takes a sample of the exchanges.

    Raises:
        InvocationError: the container refused it, failed, or did not answer in time.

    """
    request = container_request(headers, body)
    fleet, variant = router.enter(target)
    try:
        answer = await _attempt(endpoint, router, fleet, variant, request, timeout)
    except InvocationError as error:
        other = router.stand_in(fleet, variant.name) if _is_fault(error) else None
        if other is None:
            raise
        fleet, variant = other
        answer = await _attempt(endpoint, router, fleet, variant, request, timeout)
    if capture is not None and capture.sampled():
        capture.put(_exchange(variant.name, headers, body, answer))
    return Result(variant.name, answer)


async def _attempt(
    endpoint: str, router: Router, fleet: Fleet, variant: Variant, request: Request, timeout: float
) -> Answer:
    watch = fleet.watch
    began = time.perf_counter() if watch is not None else 0.0
    status = _FAULT
    try:
        answer = await variant.exchange(request, timeout)
        status = answer.status
    except TimeoutError:
        raise model_timeout(endpoint, timeout) from None
    except InvocationError as error:
        status = error.status
        raise
    finally:
        router.leave(fleet)
        if watch is not None:
            watch.note(variant.name, status, time.perf_counter() - began)
    if not 200 <= answer.status < 300:
        raise model_error(endpoint, answer.status, answer.body)
    return answer


def _is_fault(error: InvocationError) -> bool:
    """Return whether the fleet failed, rather than refused, the request."""
    original = error.fields.get("OriginalStatusCode", error.status)
    return not 400 <= original < _FAULT


def _exchange(variant: str, headers: dict[bytes, bytes], body: Body, answer: Answer) -> Exchange:
    def text(name: bytes) -> str:
        return headers.get(name, b"").decode("latin-1")

    return Exchange(
        variant,
        text(b"content-type"),
        body,
        answer.headers.get(b"content-type", b"").decode("latin-1"),
        answer.body,
        text(INFERENCE_ID),
        text(ATTRIBUTES),
    )
