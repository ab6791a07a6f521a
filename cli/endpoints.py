"""`trainyard endpoints`: what is served, by which version, and until when."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cli.client import add_on
from cli.options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_on(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """List the endpoints, by name."""
    from cli.client import connect
    from serving.api import pages

    with connect(options.on, endpoints=True) as service:
        sagemaker = service.sagemaker
        names = sorted(entry["EndpointName"] for entry in pages(sagemaker.list_endpoints, "Endpoints"))
        rows = [row for name in names if (row := describe(sagemaker, name)) is not None]
    if options.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("No endpoints. One is made when a model package is approved: trainyard approve TASK/VERSION")
    else:
        _show(rows, service.embedded)
    return 0


def describe(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """Return an endpoint as plain data, or None where it went meanwhile."""
    from serving import api
    from serving.names import EXECUTION, EXPIRES, MODEL_PACKAGE, TASK

    live = api.endpoint(sagemaker, name)
    if live is None:
        return None
    tags = api.tags(sagemaker, live["EndpointArn"])
    return {
        "endpoint": name,
        "status": live["EndpointStatus"],
        "kind": kind(live),
        "task": tags.get(TASK),
        "model_package_arn": tags.get(MODEL_PACKAGE),
        "execution": tags.get(EXECUTION),
        "endpoint_config": live.get("EndpointConfigName"),
        "pending_endpoint_config": live.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
        "created": live["CreationTime"].isoformat(),
        "expires": tags.get(EXPIRES),
        "failure_reason": live.get("FailureReason"),
    }


def kind(live: dict[str, Any]) -> str:
    """Return an endpoint's kind from its description."""
    if "AsyncInferenceConfig" in live:
        return "asynchronous"
    variants = live.get("ProductionVariants") or live.get("PendingDeploymentSummary", {}).get(
        "ProductionVariants", []
    )
    return "serverless" if any("CurrentServerlessConfig" in entry for entry in variants) else "real-time"


def _show(rows: list[dict[str, Any]], embedded: bool) -> None:
    from cli.display import show_table

    show_table(
        ("endpoint", "status", "kind", "model package", "configuration", "expires"),
        [
            (
                row["endpoint"],
                row["status"],
                row["kind"],
                row["model_package_arn"] or "",
                " → ".join(filter(None, (row["endpoint_config"], row["pending_endpoint_config"]))),
                row["expires"] or "never",
            )
            for row in rows
        ],
    )
    for row in rows:
        if row["failure_reason"]:
            print(f"\n{row['endpoint']}: {row['failure_reason']}")
    if embedded:
        print("\nNo `trainyard up` runs in this state directory: these answer when it does.")
