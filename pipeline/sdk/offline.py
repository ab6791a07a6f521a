"""A session without network, and the SDK's definition with all names of a place left open."""

from __future__ import annotations

import json
import re
from typing import Any

from sagemaker.core.telemetry import telemetry_logging
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline

# The SDK looks a role up in IAM unless it is an ARN, and uploads an input that does not begin with s3:// as a
# local file. So these are disguised until the definition is written: prefix + Name becomes ${Name}.
_ROLE = "arn:aws:iam::000000000000:role/"
_LOCATION = "s3://placeholder/"


class OfflineSession(PipelineSession):  # type: ignore[misc] # the SDK is untyped
    """A pipeline session that asks for no bucket, reads no settings and sends no telemetry."""

    def __init__(self) -> None:
        super().__init__()
        # The documented opt-out from telemetry is a setting, but any setting at all makes the SDK validate
        # them some 75 times a pipeline, which takes longer than all the rest. So there are none, and the
        # sender is replaced.
        self.sagemaker_config: dict[str, Any] = {}
        if not hasattr(telemetry_logging, "_send_telemetry_request"):
            raise RuntimeError("this SageMaker SDK sends telemetry in another way; adapt OfflineSession")
        telemetry_logging._send_telemetry_request = _send_nothing

    def default_bucket(self) -> str:
        """Return a name that must not be seen in a definition: each output location is given in full."""
        return "no-default-bucket"


def _send_nothing(*_: object, **__: object) -> None:
    """Stand in for the SDK's sender of telemetry."""


def role(placeholder: str) -> str:
    """Return what the SDK takes for a role and `definition` turns into `${placeholder}`."""
    return _ROLE + placeholder


def location(placeholder: str) -> str:
    """Return what the SDK takes for a place in S3 and `definition` turns into `${placeholder}`."""
    return _LOCATION + placeholder


def definition(pipeline: Pipeline) -> dict[str, Any]:
    """Return the SDK's definition of a pipeline, with its placeholders undisguised."""
    text = re.sub(rf"(?:{_ROLE}|{_LOCATION})(\w+)", r"${\1}", pipeline.definition())
    parsed = json.loads(text)
    assert isinstance(parsed, dict)
    return parsed
