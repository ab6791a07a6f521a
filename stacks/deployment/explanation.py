"""Why a deployment failed: the first resource that did, and what to do about it, in one line a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stacks.names import Names

_STARTS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
_CONSEQUENCE = "Resource creation cancelled"

# What the reason says (in lower case) → what to do.
_ADVICE = (
    (
        ("limit exceeded", "limitexceeded", "quota", "maximum number of"),
        "a quota of the account is reached: ask for more in the console under Service Quotas, or remove "
        "what is no longer needed; then deploy again",
    ),
    (
        ("already exists", "alreadyexists", "resourceinuse"),
        "something of that name is there and belongs to no stack, such as what an earlier `destroy` "
        "retained: import it with `cdk import`, or delete it; then deploy again",
    ),
    (
        ("accessdenied", "not authorized", "unauthorized"),
        "the deploying role lacks a permission that the reason names; grant it, then deploy again",
    ),
    (
        ("termination protection", "terminationprotection"),
        "the stack is protected, as production stacks are: "
        "`aws cloudformation update-termination-protection --no-enable-termination-protection`",
    ),
    (
        ("left over from domain", "out of time, still there"),
        "part of the clean-up is done; the same command goes on where it stopped",
    ),
)
_OTHERWISE = "mend that, then run the same command again: it goes on where it stopped"


def explain(named: Names, cloudformation: Any) -> Iterator[str]:
    """Yield a line for each stack of the environment whose last operation failed."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    for stack in (stack for page in pages for stack in page["Stacks"]):
        if stack["StackName"].startswith(f"{named.prefix}-") and _failed(stack["StackStatus"]):
            event = _first_failure(cloudformation, stack["StackName"])
            reason = (
                event.get("ResourceStatusReason", "AWS gives no reason") if event else stack["StackStatus"]
            )
            where = f"{event['LogicalResourceId']} ({event['ResourceType']})" if event else "the stack"
            yield f"{stack['StackName']}: {where} failed: {reason}. What to do: {advice(reason)}"


def advice(reason: str) -> str:
    """Return what to do about a failure with this reason."""
    lowered = reason.lower()
    found = (text for words, text in _ADVICE if any(word in lowered for word in words))
    return next(found, _OTHERWISE)


def _failed(status: str) -> bool:
    return "ROLLBACK" in status or status.endswith("_FAILED")


def _first_failure(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return the earliest failure of the last operation; events come newest first."""
    first: dict[str, Any] | None = None
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack):
        for event in page["StackEvents"]:
            of_stack = event["LogicalResourceId"] == stack
            if of_stack and event["ResourceStatus"] in _STARTS:
                return first
            cancelled = _CONSEQUENCE in event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and not of_stack and not cancelled:
                first = event
    return first
