"""botocore clients of this very MiniStack, for what the extension does through its public interface."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config


def own_url() -> str:
    """Return the address that MiniStack listens at."""
    scheme = "https" if os.environ.get("USE_SSL") == "1" else "http"
    return f"{scheme}://{os.environ['MINISTACK_HOST']}:{os.environ['GATEWAY_PORT']}"


@cache
def client(service: str) -> Any:
    """Return a client with the rights of the account's root, as CloudFormation has the deployer's."""
    return _session().create_client(
        service,
        region_name=os.environ["MINISTACK_REGION"],
        endpoint_url=own_url(),
        config=Config(retries={"total_max_attempts": 2}),
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )


@cache
def _session() -> Any:
    return botocore.session.Session()


def as_role(role: str, session: str, service: str) -> Any:
    """Return a client with the rights of a role, which is assumed for it."""
    held = client("sts").assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    return _session().create_client(
        service,
        region_name=os.environ["MINISTACK_REGION"],
        endpoint_url=own_url(),
        aws_access_key_id=held["AccessKeyId"],
        aws_secret_access_key=held["SecretAccessKey"],
        aws_session_token=held["SessionToken"],
    )
