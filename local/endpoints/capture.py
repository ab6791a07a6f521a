"""Data capture: requests and answers as JSON Lines in S3, in the form that Model Monitor reads.

Objects are named DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/MM-SS-mmm-UUID.jsonl.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

from local.endpoints.connection import Body
from local.errors import LocalError
from local.objects import ObjectStore

log = logging.getLogger(__name__)

_MODES = {"Input": ("INPUT",), "Output": ("OUTPUT",), "InputAndOutput": ("INPUT", "OUTPUT")}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    variant: str
    request_type: str
    request: Body
    answer_type: str
    answer: bytes
    inference_id: str = ""
    custom_attributes: str = ""


class Capture:
    """Writes what one endpoint's DataCaptureConfig asks for, every `interval` seconds, in a thread."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], objects: ObjectStore, interval: float):
        self._endpoint = endpoint
        self._destination = config["DestinationS3Uri"].rstrip("/")
        self._share = config["InitialSamplingPercentage"] / 100
        self._modes = {mode for option in config["CaptureOptions"] for mode in _MODES[option["CaptureMode"]]}
        header = config.get("CaptureContentTypeHeader", {})
        self._csv = frozenset(header.get("CsvContentTypes", ()))
        self._json = frozenset(header.get("JsonContentTypes", ()))
        self._objects = objects
        self._interval = interval
        self._queue: SimpleQueue[tuple[datetime, Exchange]] = SimpleQueue()
        self._due = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture {endpoint}", daemon=True)
        self._thread.start()

    def sampled(self) -> bool:
        """Return whether the next request is one of the sampling percentage, which are spread evenly."""
        self._due += self._share
        if self._due < 1:
            return False
        self._due -= 1
        return True

    def put(self, exchange: Exchange) -> None:
        """Take an exchange; return at once."""
        self._queue.put((datetime.now(UTC), exchange))
        if self._stopping.is_set():  # an update replaced this capture while the request was under way
            self._write()

    def close(self) -> None:
        """Write what is left."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._write()
        self._write()

    def _write(self) -> None:
        lines: dict[tuple[str, str], list[str]] = defaultdict(list)
        first: dict[tuple[str, str], datetime] = {}
        while True:
            try:
                time, exchange = self._queue.get_nowait()
            except Empty:
                break
            batch = (exchange.variant, f"{time:%Y/%m/%d/%H}")
            first.setdefault(batch, time)
            lines[batch].append(json.dumps(self._record(time, exchange)))
        for (variant, hour), records in lines.items():
            time = first[variant, hour]
            name = f"{time:%M-%S}-{time.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
            key = f"{self._destination}/{self._endpoint}/{variant}/{hour}/{name}"
            try:
                self._objects.put_bytes(("\n".join(records) + "\n").encode(), key)
            except (LocalError, OSError):  # a full disk, say: requests are answered all the same
                log.exception("%d captured requests could not be written", len(records))

    def _record(self, time: datetime, exchange: Exchange) -> dict[str, Any]:
        data = {}
        if "INPUT" in self._modes:
            data["endpointInput"] = self._side("INPUT", exchange.request_type, exchange.request)
        if "OUTPUT" in self._modes:
            data["endpointOutput"] = self._side("OUTPUT", exchange.answer_type, exchange.answer)
        event: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if exchange.inference_id:
            event["inferenceId"] = exchange.inference_id
        if exchange.custom_attributes:
            event["customAttributes"] = [exchange.custom_attributes]
        event["inferenceTime"] = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        return {"captureData": data, "eventMetadata": event, "eventVersion": "0"}

    def _side(self, mode: str, content_type: str, body: Body) -> dict[str, str]:
        encoding, text = self._encoded(content_type, body)
        return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}

    def _encoded(self, content_type: str, body: Body) -> tuple[str, str]:
        media_type = content_type.partition(";")[0].strip().lower()
        kinds = (("CSV", self._csv), ("JSON", self._json))
        encoding = next((name for name, types in kinds if media_type in types), "BASE64")
        if encoding != "BASE64":
            try:
                return encoding, body.decode()
            except UnicodeDecodeError:
                pass  # what is no text cannot be a JSON string, whatever its header says
        return "BASE64", base64.b64encode(body).decode()
