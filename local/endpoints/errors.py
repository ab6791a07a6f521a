"""Why an invocation was not answered by the model, in the runtime API's own codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.arns import ACCOUNT, REGION

_SHOWN = 2048  # the service model's limit of a message


class DeploymentError(Exception):
    """A fleet could not be brought into service, or had to leave it; the message is its FailureReason."""


class InvocationError(Exception):
    """An invocation failed.

    Attributes:
        code: the API's error code, such as ModelError.
        status: the HTTP status.
        message: one line with culprit, value and cure.
        fields: further members of the error's structure.

    """

    def __init__(self, code: str, status: int, message: str, fields: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message[:_SHOWN]
        self.fields = fields or {}


def validation_error(message: str, status: int = 400) -> InvocationError:
    """Return the error of a request that is wrong in itself."""
    return InvocationError("ValidationError", status, message)


def unavailable(message: str) -> InvocationError:
    """Return the error of a request that nothing could answer; it may be sent again."""
    return InvocationError("ServiceUnavailable", 503, message)


def throttled(variant: str, concurrency: int) -> InvocationError:
    """Return the error of a request beyond a serverless variant's MaxConcurrency."""
    return InvocationError(
        "ThrottlingException",
        400,  # the status with which clients look for this code, and then wait and try again
        f"Rate exceeded: variant {variant} answers MaxConcurrency={concurrency} requests at a time",
    )


def model_error(endpoint: str, status: int, body: bytes) -> InvocationError:
    """Return the error for an answer of the model's container other than 2xx."""
    said = body.decode(errors="replace")[:_SHOWN]
    kind = "client error" if status < 500 else "server error"
    return InvocationError(
        "ModelError",
        424,
        f'Received {kind} ({status}) from primary with message "{said}". See the log of endpoint {endpoint}.',
        {
            "OriginalStatusCode": status,
            "OriginalMessage": said,
            "LogStreamArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{endpoint}",
        },
    )


def model_timeout(endpoint: str, seconds: float) -> InvocationError:
    """Return the error for a container that did not answer in time."""
    return InvocationError(
        "ModelError",
        424,
        f"the model of endpoint {endpoint} did not answer within {seconds:g} seconds",
        {"OriginalStatusCode": 0, "OriginalMessage": "timed out"},
    )
