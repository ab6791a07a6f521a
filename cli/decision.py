"""What `trainyard approve` and `trainyard reject` have in common: one decision about one model package."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cli.client import add_on
from cli.options import add_json

_LONGEST_COMMENT = 1024


def add_decision_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both commands."""
    parser.add_argument(
        "model_package",
        metavar="MODEL_PACKAGE",
        help="its ARN, or TASK/VERSION such as iris/1; `trainyard models` lists them",
    )
    parser.add_argument("--comment", metavar="TEXT", help="why; kept with the model package")
    add_on(parser)
    add_json(parser)


def decide(options: argparse.Namespace, status: str) -> int:
    """Set a package's approval status; what follows from it is the approval function's work."""
    from cli.client import connect
    from cli.errors import UsageError
    from cli.registry import package_of

    if options.comment and len(options.comment) > _LONGEST_COMMENT:
        raise UsageError(
            f"--comment has {len(options.comment)} characters; {_LONGEST_COMMENT} at most are kept"
        )
    with connect(options.on, endpoints=True) as service:
        sagemaker = service.sagemaker
        package = package_of(sagemaker, options.model_package)
        _update(sagemaker, package, status, options.comment)
        failure = service.settle()
        endpoint = _endpoint(sagemaker, package["ModelPackageGroupName"])
    result = {
        "model_package_arn": package["ModelPackageArn"],
        "approval_status": status,
        "comment": options.comment,
        "endpoint": endpoint,
        "failure_reason": failure,
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result, package["ModelPackageGroupName"], service.embedded)
    return 0 if failure is None else 1


def _update(sagemaker: Any, package: dict[str, Any], status: str, comment: str | None) -> None:
    """Change the status; a status that it has already is set anew, so that its event is told again.

    Only a change of the status is an event, and somebody who approves again wants the endpoint back.
    """
    arn, said = package["ModelPackageArn"], {"ApprovalDescription": comment} if comment else {}
    gone = _endpoint(sagemaker, package["ModelPackageGroupName"]) is None
    if package["ModelApprovalStatus"] == status == "Approved" and gone:
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="PendingManualApproval")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status, **said)


def _endpoint(sagemaker: Any, name: str) -> dict[str, str] | None:
    from serving.api import endpoint

    live = endpoint(sagemaker, name)
    if live is None:
        return None
    keys = {"name": "EndpointName", "status": "EndpointStatus", "endpoint_config": "EndpointConfigName"}
    return {key: live[member] for key, member in keys.items() if member in live}


def _show(result: dict[str, Any], group: str, embedded: bool) -> None:
    print(f"{result['approval_status']:<10} {result['model_package_arn']}")
    endpoint = result["endpoint"]
    if embedded:
        state = f"{endpoint['status']}, {endpoint['endpoint_config']}" if endpoint else "there is none"
        print(f"Endpoint   {group}: {state}")
        print(
            "           `trainyard up` lets it answer requests as long as it runs; without it, each `invoke`"
        )
        print("           and `predict --live` starts it for itself.")
    else:
        print(f"Endpoint   {group} follows the newest approved version; watch it: trainyard endpoints")
    if result["failure_reason"]:
        import sys

        print(f"trainyard: {result['failure_reason']}", file=sys.stderr)
