"""When a failed step is tried again: its RetryPolicies, as the service reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_INTERVAL_SECONDS = 1.0
_BACKOFF_RATE = 2.0
_MAX_ATTEMPTS = 5


@dataclass
class Retries:
    """The retries of one step in one execution.

    Attributes:
        policies: the step's RetryPolicies.
        used: policy → the retries that it has granted so far.

    """

    policies: Sequence[Mapping[str, Any]]
    used: dict[int, int] = field(default_factory=dict)

    def pause(self, fault: str, elapsed: float) -> float | None:
        """Return the seconds to wait before the next try, or None when there is none.

        Args:
            fault: the exception type of the failure; "" (the customer's own error) is never retried.
            elapsed: seconds since the step was first started.

        """
        for index, policy in enumerate(self.policies):
            if fault and fault in policy.get("ExceptionType", []):
                return self._granted(index, policy, elapsed)
        return None

    def _granted(self, index: int, policy: Mapping[str, Any], elapsed: float) -> float | None:
        used = self.used.get(index, 0)
        # A policy has one of both limits (the service's default of attempts counts where it has neither).
        expires = policy.get("ExpireAfterMin")
        most = policy.get("MaxAttempts", _MAX_ATTEMPTS if expires is None else None)
        if most is not None and used >= most:
            return None
        interval = float(policy.get("IntervalSeconds", _INTERVAL_SECONDS))
        pause = interval * float(policy.get("BackoffRate", _BACKOFF_RATE)) ** used
        if expires is not None and elapsed + pause > 60 * expires:
            return None
        self.used[index] = used + 1
        return pause
