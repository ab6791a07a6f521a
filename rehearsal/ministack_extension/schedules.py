"""EventBridge Scheduler's target "start this pipeline", which MiniStack does not have."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import clients
from ministack.services import eventbridge, scheduler

log = logging.getLogger("rehearsal")

_PIPELINE = ":pipeline/"
_TICK_SECONDS = 1
_plain = eventbridge._invoke_target


def install() -> None:
    """Start pipelines, and look every second whether a schedule is due."""
    eventbridge._invoke_target = _invoke
    scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS


def _invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    if not (target["Arn"].startswith("arn:aws:sagemaker:") and _PIPELINE in target["Arn"]):
        _plain(target, event, rule, view)
        return
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    started = clients.as_role(target["RoleArn"], "Scheduler", "sagemaker").start_pipeline_execution(
        PipelineName=target["Arn"].partition(_PIPELINE)[2],
        PipelineParameters=given,
        PipelineExecutionDescription=f"started by the schedule {rule['Name']}",
        ClientRequestToken=uuid.uuid4().hex,
    )
    log.info("schedule %s started %s", rule["Name"], started["PipelineExecutionArn"])
