"""A deployment: the new fleet up, traffic over step by step, the old one away; or all of it back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from local.endpoints.alarms import Alarm, Watch
from local.endpoints.errors import DeploymentError
from local.endpoints.fleet import Fleet
from local.endpoints.routing import Router
from local.endpoints.shifting import Plan
from local.endpoints.timing import Timing

_LOOK = 0.05
_LOOK_AT_ALARMS = 0.5
"""Seconds between two looks at alarms, which go through all requests since the deployment began."""

log = logging.getLogger(__name__)


class ClosingError(Exception):
    """The service is ending; the deployment goes on when it is up again."""


class Deployment:
    """One update of an endpoint from one fleet to another."""

    def __init__(
        self,
        router: Router,
        old: Fleet,
        new: Fleet,
        plan: Plan,
        timing: Timing,
        closing: Callable[[], bool],
        alarms: Sequence[Alarm] = (),
    ):
        """Prepare it.

        Args:
            router: has the traffic.
            old: what serves.
            new: what is to serve.
            plan: the steps.
            timing: how long things may take.
            closing: whether the service is ending.
            alarms: any of them rolls the deployment back.

        """
        self._router = router
        self._old = old
        self._new = new
        self._plan = plan
        self._timing = timing
        self._closing = closing
        self._looked = 0.0
        self._watch = new.watch = Watch(alarms) if alarms else None
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
        self._new.watch = None
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
            self._new.check_health()
            self._look_at_alarms(_LOOK_AT_ALARMS)
        self._look_at_alarms(0)

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

    def _look_at_alarms(self, pause: float) -> None:
        """Raise DeploymentError where an alarm is on; look no oftener than every `pause` seconds."""
        if self._watch is None or time.monotonic() - self._looked < pause:
            return
        self._looked = time.monotonic()
        if said := self._watch.went_off():
            raise DeploymentError(f"One or more configured alarms went off during the deployment: {said}")
