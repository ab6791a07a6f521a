"""Events of the service and what they start, as EventBridge and Lambda do on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.api.service import Service


class EventBus:
    """Takes events and starts what wants them."""

    def __init__(self, service: Service):
        self._service = service

    def put(self, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...] = ()) -> None:
        """Tell an event of source `aws.sagemaker`; within a change it is told when that is written."""
