"""An approval: its event, the function that it reaches, and the endpoint that the function makes."""

from __future__ import annotations

import csv
import json
import time

from rehearsal import deploying
from rehearsal.report import CheckError, Report
from rehearsal.site import Site

_PAUSE_SECONDS = 0.25
_SECONDS = 90.0
_CHANGING = ("Creating", "Updating")


def refused_from_others(site: Site, report: Report) -> None:
    """Nobody but SageMaker puts events in its name."""
    entry = {"Source": "aws.sagemaker", "DetailType": "Forged", "Detail": "{}"}
    answer = site.client("events").put_events(Entries=[entry])["Entries"][0]
    report.check(
        answer.get("ErrorCode") == "NotAuthorizedForSourceException",
        "EventBridge takes no event in SageMaker's name from a user",
        answer,
    )


def approve(site: Site, report: Report, task: str, package: str) -> None:
    """Approve a package; the event's function makes the task's endpoint."""
    client, name = site.client("sagemaker"), site.names.of(task)
    deploying.trainyard(site, "approve", package, "--comment", "rehearsed", "--on", "aws")
    until = time.monotonic() + _SECONDS
    status = "none"
    while status in ("none", *_CHANGING):
        listed = client.list_endpoints(NameContains=name)["Endpoints"]
        status = next((item["EndpointStatus"] for item in listed if item["EndpointName"] == name), "none")
        if time.monotonic() > until:
            raise CheckError(f"the endpoint {name} is {status} {_SECONDS:g} s after the approval")
        time.sleep(_PAUSE_SECONDS)
    report.check(
        status == "InService",
        f"the approval's event reached the function: endpoint {name} is InService",
        status,
    )
    arn = client.describe_endpoint(EndpointName=name)["EndpointArn"]
    tags = {tag["Key"]: tag["Value"] for tag in client.list_tags(ResourceArn=arn)["Tags"]}
    report.check(tags.get("trainyard:model-package") == package, "it serves the approved package", tags)


def invoke(site: Site, report: Report, task: str) -> None:
    """Ask the endpoint for a prediction."""
    row = _first_row(site)
    answer = site.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=site.names.of(task), ContentType="text/csv", Accept="application/json", Body=row
    )
    predictions = json.loads(answer["Body"].read())["predictions"]
    report.check(len(predictions) == 1, f"it answers a row: {row} → {predictions[0]}", predictions)


def teardown(site: Site, report: Report, task: str) -> None:
    """Remove what serves the task, as the deployer does before a destroy."""
    deploying.trainyard(site, "teardown", task, "--on", "aws")
    left = site.client("sagemaker").list_endpoints()["Endpoints"]
    report.check(not left, f"trainyard teardown {task} --on aws removed the endpoint", left)


def _first_row(site: Site) -> str:
    """Return the features of the first row of the uploaded table."""
    table = next((site.folder / "raw").rglob("*.csv"))
    with table.open(newline="", encoding="utf-8") as lines:
        row = next(csv.DictReader(lines))
    return ",".join(value for value in row.values() if _is_number(value))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
