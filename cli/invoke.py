"""`trainyard invoke ENDPOINT --file F`: one request to an endpoint, its answer on standard output."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.client import add_on
from cli.errors import UsageError

if TYPE_CHECKING:
    from cli.client import Clients

_LARGEST_BODY = 6_291_456
_ASYNCHRONOUS_SECONDS = 900.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its name; `trainyard endpoints` lists them")
    parser.add_argument("--file", type=Path, required=True, metavar="F", help="the request's body")
    parser.add_argument("--content-type", metavar="T", help="what is in it (default: by the file's name)")
    parser.add_argument("--accept", metavar="T", help="what the answer is to be (default: the model's own)")
    add_on(parser)


def execute(options: argparse.Namespace) -> int:
    """Send the file; the answer goes to standard output as it came, on a terminal with a line end."""
    from cli.client import connect
    from cli.content import content_type, read

    body = read(options.file, "--file")
    headers = {"ContentType": content_type(options.file, options.content_type)}
    if options.accept:
        headers["Accept"] = options.accept
    with connect(options.on, endpoints=True) as service:
        answer = request(service, options.endpoint, body, headers)
    sys.stdout.buffer.write(answer)
    if sys.stdout.isatty() and not answer.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    return 0


def request(service: Clients, name: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return an endpoint's answer to one request, whatever kind of endpoint it is.

    Raises:
        UsageError: there is no such endpoint, the body is too large, or the model refused it.

    """
    from cli.endpoints import kind
    from serving.api import endpoint

    live = endpoint(service.sagemaker, name)
    if live is None:
        raise UsageError(f"no endpoint {name!r}; `trainyard endpoints` lists them")
    if kind(live) == "asynchronous":
        return _asynchronously(service, live, body, headers)
    return _at_once(service, name, body, headers)


def _at_once(service: Clients, name: str, body: bytes, headers: dict[str, str]) -> bytes:
    if len(body) > _LARGEST_BODY:
        raise UsageError(
            f"the file has {len(body)} bytes, an endpoint takes {_LARGEST_BODY}; "
            "cut it, or use `trainyard predict`, which takes files of any size"
        )
    runtime = service.runtime
    answer = runtime.invoke_endpoint(EndpointName=name, Body=body, **headers)
    content: bytes = answer["Body"].read()
    return content


def _asynchronously(service: Clients, live: dict[str, Any], body: bytes, headers: dict[str, str]) -> bytes:
    """Put the request into S3 beside the answers, and wait for its answer there."""
    import uuid

    from serving.api import seconds_from_now

    bucket, prefix = _split(live["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"])
    key = f"{prefix.rpartition('/')[0]}/requests/{uuid.uuid4()}"
    s3 = service.s3
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=headers["ContentType"])
    taken = service.runtime.invoke_endpoint_async(
        EndpointName=live["EndpointName"], InputLocation=f"s3://{bucket}/{key}", **headers
    )
    deadline = seconds_from_now(_ASYNCHRONOUS_SECONDS)
    while True:
        failed = _object(s3, taken.get("FailureLocation"))
        if failed is not None:
            raise UsageError(f"the model refused it: {failed.decode(errors='replace').strip()}")
        answer = _object(s3, taken["OutputLocation"])
        if answer is not None:
            return answer
        if not deadline.pause():
            raise UsageError(
                f"no answer within {_ASYNCHRONOUS_SECONDS:.0f} seconds; "
                f"it will be at {taken['OutputLocation']}"
            )


def _object(s3: Any, uri: str | None) -> bytes | None:
    """Return an object's content, or None where there is none (yet)."""
    if uri is None:
        return None
    bucket, key = _split(uri)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    if not listed or listed[0]["Key"] != key:
        return None
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.rstrip("/")
