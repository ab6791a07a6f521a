"""Schedules: what EventBridge Scheduler keeps on AWS, fired here by APScheduler."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.arns import ACCOUNT, REGION, now, parse_time
from local.bus import FUNCTIONS
from local.resources import Resource

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from local.api.service import Service

log = logging.getLogger(__name__)

KIND = "schedule"
GROUP = "default"

_START_PIPELINE = "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution"
_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
_LATE_SECONDS = 60
"""How late a schedule may fire; what was missed while the service was down stays so."""


class TargetError(ValueError):
    """A target that cannot be started here."""


def schedule_arn(name: str) -> str:
    """Return a schedule's ARN."""
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{GROUP}/{name}"


def require_target(target: Mapping[str, Any]) -> None:
    """Refuse a target other than a pipeline, or a function of this project.

    Raises:
        TargetError: which says what would do.

    """
    arn = target["Arn"]
    known = arn.startswith(f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/") or arn == _START_PIPELINE
    if not known and arn.removeprefix(_FUNCTION) not in FUNCTIONS:
        raise TargetError(
            f"{arn} cannot be started here; give a pipeline's ARN, {_START_PIPELINE}, or "
            f"{_FUNCTION} with one of {', '.join(FUNCTIONS)}"
        )
    if arn == _START_PIPELINE:
        try:
            given = json.loads(target.get("Input", ""))
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict) or "PipelineName" not in given:
            raise TargetError(f"{arn} takes an Input with PipelineName, as JSON")


class Schedules:
    """Fires the schedules that are recorded and enabled."""

    def __init__(self, service: Service):
        self._service = service
        self._lock = threading.Lock()
        self._timer: BackgroundScheduler | None = None
        self._armed = False

    def restore(self) -> None:
        """Arm all schedules that are recorded, and from now on those that are made; before, none fires."""
        self._armed = True
        for item in self._service.resources.all(KIND):
            self.arm(item, new=False)

    def arm(self, item: Resource, *, new: bool = True) -> None:
        """Fire a schedule at its times from now on; what was armed under its name is not fired any more.

        Args:
            item: the schedule.
            new: whether it was just made or changed: a rate without a StartDate then starts at once.

        """
        from local.cron import trigger

        self.disarm(item.name)
        request = item.request
        if request.get("State") == "DISABLED" or not self._armed:
            return
        begin = _time(request.get("StartDate"))
        start = begin or parse_time(item.modified)
        at_once = new and begin is None and request["ScheduleExpression"].startswith("rate")
        self._running().add_job(
            self.fire,
            trigger(request["ScheduleExpression"], request.get("ScheduleExpressionTimezone", "UTC"), start),
            args=(item.name,),
            id=item.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=_LATE_SECONDS,
            **({"next_run_time": datetime.now(UTC)} if at_once else {}),
        )

    def disarm(self, name: str) -> None:
        """Do not fire a schedule any more."""
        if self._timer is not None and self._timer.get_job(name):
            self._timer.remove_job(name)

    def _running(self) -> BackgroundScheduler:
        """Return APScheduler, which is started when the first schedule is armed: it costs 0.1 s to import."""
        from apscheduler.schedulers.background import BackgroundScheduler

        with self._lock:
            if self._timer is None:
                self._timer = BackgroundScheduler(timezone=UTC)
                self._timer.start()
            return self._timer

    def fire(self, name: str) -> None:
        """Start a schedule's target, unless it is not within its dates."""
        item = self._service.resources.get(KIND, name)
        moment = datetime.now(UTC)
        if item is None:
            return
        start, end = _time(item.request.get("StartDate")), _time(item.request.get("EndDate"))
        if (start and moment < start) or (end and moment > end):
            return
        try:
            self._start(item)
        except Exception:
            # The thread is APScheduler's: what a target refuses must not end the schedule.
            log.exception("schedule %s could not start its target", name)
        if item.request.get("ActionAfterCompletion") == "DELETE" and self._is_over(name):
            self._service.resources.delete(KIND, name)

    def _is_over(self, name: str) -> bool:
        job = self._timer.get_job(name) if self._timer else None
        return job is None or job.next_run_time is None

    def _start(self, item: Resource) -> None:
        from local.api.dispatch import call

        target = item.request["Target"]
        arn = target["Arn"]
        if arn.startswith(_FUNCTION):
            event = (
                json.loads(target["Input"])
                if "Input" in target
                else {"time": now(), "source": "aws.scheduler"}
            )
            self._service.events.invoke(FUNCTIONS[arn.removeprefix(_FUNCTION)], event)
            return
        if arn == _START_PIPELINE:
            request = json.loads(target["Input"])
        else:
            given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
            request = {"PipelineName": arn, "PipelineParameters": given}
        # The token makes a time that fires twice, as on AWS it may, one execution.
        token = hashlib.sha256(f"{item.arn} {now()[:16]}".encode()).hexdigest()
        call(self._service, "StartPipelineExecution", {"ClientRequestToken": token, **request})

    def close(self) -> None:
        """Fire nothing any more."""
        if self._timer is not None:
            self._timer.shutdown(wait=True)


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
