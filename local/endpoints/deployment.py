"""A deployment: the new fleet up, traffic over step by step, the old one away; or all of it back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from local.endpoints.errors import DeploymentError
from local.endpoints.fleet import Fleet
from local.endpoints.routing import Router
from local.endpoints.shifting import Plan
from local.endpoints.timing import Timing

ALARM_RATIO = 0.05
"""The share of 5xx among the new fleet's answers above which the configured alarms are in ALARM state.

There is no CloudWatch here: each alarm that a deployment names stands for this one, which the service's own
examples of deployment guardrails watch as well (Invocation5XXErrors).
"""

_LOOK = 0.05

log = logging.getLogger(__name__)


class ClosingError(Exception):
    """The service is ending; the deployment goes on when it is up again."""


class Deployment:
    """One update of an endpoint from one fleet to another."""

    def __init__(
        self, router: Router, old: Fleet, new: Fleet, plan: Plan, timing: Timing, closing: Callable[[], bool]
    ):
        self._router = router
        self._old = old
        self._new = new
        self._plan = plan
        self._timing = timing
        self._closing = closing
        self._deadline = time.monotonic() + plan.limit

    def run(self, rolling_back: Callable[[str], None]) -> None:
        """Bring the new fleet in and the old one out.

        Args:
            rolling_back: told why, before the traffic goes back.

        Raises:
            DeploymentError: the new fleet did not come up or failed; the old one has all the traffic again.
            ClosingError: the service is ending.

        """
        try:
            self._shift()
        except DeploymentError as error:
            rolling_back(str(error))
            self._roll_back()
            raise
        self._router.set([(self._new, 1.0)])
        self._remove(self._old)

    def _shift(self) -> None:
        for step in self._plan.steps:
            self._new.start(step.new_instances)
            self._new.wait_until_ready(self._given_up)
            self._router.set([(self._old, 1.0 - step.share), (self._new, step.share)])
            if step.old_instances < 1.0:
                self._old.start(step.old_instances)
                self._old.retire(self._timing.drain)
            self._bake(step.bake)
        self._bake(self._plan.termination_wait)

    def _roll_back(self) -> None:
        self._old.start()
        try:
            self._old.wait_until_ready(self._ended)
        except DeploymentError:
            log.exception("an instance of the old fleet did not come back")  # the others serve
        self._router.set([(self._old, 1.0)])
        self._remove(self._new)

    def _remove(self, fleet: Fleet) -> None:
        deadline = time.monotonic() + self._timing.drain
        while fleet.under_way and time.monotonic() < deadline:
            self._ended()
            time.sleep(_LOOK / 5)
        fleet.stop(0)

    def _bake(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
            self._given_up()
            self._check()

    def _ended(self) -> bool:
        if self._closing():
            raise ClosingError
        return False

    def _given_up(self) -> bool:
        self._ended()
        if time.monotonic() > self._deadline:
            raise DeploymentError(
                f"the deployment took longer than MaximumExecutionTimeoutInSeconds = {self._plan.limit:g}"
            )
        return False

    def _check(self) -> None:
        self._new.check_health()
        requests, faults = self._new.requests, self._new.faults
        if self._plan.alarms and faults > ALARM_RATIO * requests:
            raise DeploymentError(
                f"One or more configured alarms went off during the deployment: "
                f"{', '.join(self._plan.alarms)}: the new fleet failed {faults} of {requests} requests with "
                f"5xx, more than {ALARM_RATIO:.0%}"
            )
