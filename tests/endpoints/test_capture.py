"""Data capture: what Model Monitor reads, where it looks for it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

Variant = Callable[..., dict[str, Any]]


def capture(destination: str, percentage: int = 100, modes: tuple[str, ...] = ("Input", "Output")) -> Any:
    return {
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": percentage,
            "DestinationS3Uri": destination,
            "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        }
    }


def lines(yard: Any, destination: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for item in yard.state.objects.find(destination + "/")
        for line in item.path.read_text().splitlines()
    ]


def test_requests_and_answers_are_captured(yard: Any, variant: Variant, wait_until: Any) -> None:
    destination = "s3://bucket/captured"
    yard.serve("captured", variant(yard.model("m-captured")), **capture(destination))
    yard.invoke("captured", "1,2", InferenceId="i-1", CustomAttributes="a=b")
    yard.invoke("captured", b"3", ContentType="application/x-recordio-protobuf")
    found = wait_until(lambda: records if len(records := lines(yard, destination)) == 2 else None)
    first, second = sorted(found, key=lambda record: "inferenceId" not in record["eventMetadata"])
    assert first["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": "1,2",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": "m-captured:1,2",
            "encoding": "CSV",
        },
    }
    assert first["eventVersion"] == "0"
    assert first["eventMetadata"]["inferenceId"] == "i-1"
    assert first["eventMetadata"]["customAttributes"] == ["a=b"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["eventMetadata"]["inferenceTime"])
    taken = second["captureData"]["endpointInput"]
    assert (taken["encoding"], base64.b64decode(taken["data"])) == ("BASE64", b"3")
    keys = [item.key for item in yard.state.objects.find(destination + "/")]
    pattern = r"captured/captured/AllTraffic/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl"
    assert all(re.fullmatch(pattern, key) for key in keys)
    told = yard.describe("captured")["DataCaptureConfig"]
    assert (told["CaptureStatus"], told["CurrentSamplingPercentage"]) == ("Started", 100)


def test_a_share_is_sampled_and_one_side_alone(yard: Any, variant: Variant, wait_until: Any) -> None:
    destination = "s3://bucket/sampled"
    yard.serve("sampled", variant(yard.model("m-sampled")), **capture(destination, 25, modes=("Output",)))
    for _ in range(20):
        yard.invoke("sampled")
    found = wait_until(lambda: records if len(records := lines(yard, destination)) >= 5 else None)
    assert len(found) == 5
    assert all(set(record["captureData"]) == {"endpointOutput"} for record in found)
