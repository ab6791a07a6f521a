"""The calls that need more than one line: what is not there, all pages, tags, waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from serving.names import as_tags

_ABSENT_CODES = frozenset({"ResourceNotFound", "ResourceNotFoundException", "ObjectNotFoundException"})
_ABSENT_TEXTS = ("could not find", "does not exist", "not found")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 15.0

IN_TRANSITION = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True)
class Clients:
    """The services that are asked; `make` makes those that only some endpoints need.

    Attributes:
        sagemaker: boto3's client.
        make: service name → boto3's client.

    """

    sagemaker: Any
    make: Callable[[str], Any]


@dataclass
class Deadline:
    """How long may still be waited.

    Attributes:
        left: returns the seconds that are left.

    """

    left: Callable[[], float]
    _pause: float = field(default=_FIRST_PAUSE, init=False)

    def pause(self) -> bool:
        """Sleep a little longer than the last time; return False where no time is left for it."""
        if self.left() <= self._pause:
            return False
        time.sleep(self._pause)
        self._pause = min(self._pause * 1.3, _LONGEST_PAUSE)
        return True

    def again(self) -> None:
        """Begin the next wait with short pauses."""
        self._pause = _FIRST_PAUSE


def seconds_from_now(seconds: float) -> Deadline:
    """Return a deadline that many seconds away."""
    end = time.monotonic() + seconds
    return Deadline(lambda: end - time.monotonic())


def is_absent(error: ClientError) -> bool:
    """Tell whether an answer says that the thing asked for is not there.

    SageMaker says so with ValidationException and a sentence for most of its resources.
    """
    answer = error.response["Error"]
    if answer["Code"] in _ABSENT_CODES:
        return True
    sentence = str(answer.get("Message", "")).lower()
    return answer["Code"] == "ValidationException" and any(text in sentence for text in _ABSENT_TEXTS)


def found(call: Callable[..., dict[str, Any]], **arguments: object) -> dict[str, Any] | None:
    """Return the answer to a describing call, or None where there is nothing of that name."""
    try:
        return call(**arguments)
    except ClientError as error:
        if is_absent(error):
            return None
        raise


def create_once(
    create: Callable[..., object],
    describe: Callable[..., dict[str, Any]],
    name: Mapping[str, str],
    request: Mapping[str, Any],
) -> bool:
    """Create a thing unless it is there; return whether it was created.

    Args:
        create: the creating call.
        describe: the describing call.
        name: the name's parameter and value, which both calls take.
        request: what the creating call takes besides.

    """
    try:
        create(**name, **request)
    except ClientError:
        # Somebody else has made it: the name follows from the content, so theirs is as good as ours.
        if found(describe, **name) is None:
            raise
        return False
    return True


def pages(call: Callable[..., dict[str, Any]], key: str, **arguments: object) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages of a listing call."""
    token: dict[str, object] = {}
    while True:
        answer = call(**arguments, **token)
        yield from answer[key]
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def tags(sagemaker: Any, arn: str) -> dict[str, str]:
    """Return a resource's tags; one that has gone meanwhile has none."""
    try:
        return {tag["Key"]: tag["Value"] for tag in pages(sagemaker.list_tags, "Tags", ResourceArn=arn)}
    except ClientError as error:
        if is_absent(error):
            return {}
        raise


def add_tags(sagemaker: Any, arn: str, values: Mapping[str, str]) -> None:
    """Set tags on a resource."""
    sagemaker.add_tags(ResourceArn=arn, Tags=as_tags(values))


def endpoint(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """Return DescribeEndpoint's answer, or None where there is no endpoint of that name."""
    return found(sagemaker.describe_endpoint, EndpointName=name)


def settled(sagemaker: Any, name: str, deadline: Deadline) -> dict[str, Any] | None:
    """Wait until an endpoint is not in transition; return its description, or None where it is not there.

    Where the time runs out, the description says that it is still in transition.
    """
    deadline.again()
    while True:
        live = endpoint(sagemaker, name)
        if live is None or live["EndpointStatus"] not in IN_TRANSITION or not deadline.pause():
            return live


def asked_for(live: Mapping[str, Any]) -> str:
    """Return the configuration that an endpoint is on its way to, or has."""
    pending: Mapping[str, Any] = live.get("PendingDeploymentSummary") or live
    return str(pending.get("EndpointConfigName", ""))
