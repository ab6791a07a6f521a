"""The errors of the API, with AWS's codes."""

from __future__ import annotations


class ServiceError(Exception):
    """A request that is refused.

    Attributes:
        code: as AWS names it, such as ValidationException or ResourceNotFound.
        message: what the caller reads: culprit, value, cure.
        status: of the HTTP answer.

    """

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceError:
    """Return the error for a request that can never succeed as it is."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """Return the error for a resource that does not exist, where AWS has a code of its own for that."""
    return ServiceError("ResourceNotFound", message)


def in_use(message: str) -> ServiceError:
    """Return the error for a resource whose state, or whose dependents, forbid the change."""
    return ServiceError("ResourceInUse", message)


def conflict(message: str) -> ServiceError:
    """Return the error for a request that contradicts an earlier one, such as a token used again."""
    return ServiceError("ConflictException", message)


def limit_exceeded(message: str) -> ServiceError:
    """Return the error for more than this machine allows."""
    return ServiceError("ResourceLimitExceeded", message)
