"""What would make a deployment fail later and less clearly is asked first; each finding is one line.

Nothing here changes anything in the account.
"""

from __future__ import annotations

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from settings import Settings
from stacks.names import Names, names

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""Where the CDK keeps the version of its toolkit; hnb659fds is its default qualifier."""
_OLDEST_BOOTSTRAP = 6

_CREDENTIALS = "set them, such as by `aws sso login` and AWS_PROFILE"
_MISSING = ("ParameterNotFound", "ValidationError")
# Stack status → what to do. ROLLBACK_COMPLETE and ROLLBACK_FAILED of a first creation the CDK removes itself.
_STUCK = {
    "DELETE_FAILED": "its deletion failed: repeat `make destroy ENV={environment}`, then deploy again",
    "UPDATE_ROLLBACK_FAILED": "its rollback failed: `aws cloudformation continue-update-rollback "
    "--stack-name {stack}`, then deploy again",
    "ROLLBACK_FAILED": "its rollback failed: `aws cloudformation delete-stack --stack-name {stack}`, "
    "then deploy again",
}
_BUSY = ("_IN_PROGRESS",)


class PreflightError(RuntimeError):
    """A reason not to start; one line that says what to do."""


class Clients(Protocol):
    """How clients of AWS are made: `boto3.Session`."""

    def client(self, service_name: str) -> Any:
        """Return a client."""
        ...


def check(command: str, settings: Settings, session: Clients) -> None:
    """Ask for credentials and account; before deploy and destroy for bootstrap, stacks and domains as well.

    Raises:
        PreflightError: the first thing that is not as it must be.

    """
    try:
        _account(settings, session.client("sts"))
        if command in ("deploy", "destroy"):
            _bootstrapped(settings, session.client("ssm"))
            named = names(settings)
            existing = _stacks(named, session.client("cloudformation"), command)
            if command == "deploy":
                _no_foreign_domain(named, session.client("sagemaker"), existing)
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise PreflightError(f"{error}; {_CREDENTIALS}") from None
    except ClientError as error:
        raise PreflightError(f"AWS refuses what is asked before a {command}: {error}") from None
    except BotoCoreError as error:
        raise PreflightError(f"cannot reach AWS: {error}; mend the connection, then try again") from None


def _account(settings: Settings, sts: Any) -> None:
    try:
        found = sts.get_caller_identity()["Account"]
    except ClientError as error:
        raise PreflightError(f"AWS does not accept the credentials: {error}; {_CREDENTIALS}") from None
    if found != settings.account:
        raise PreflightError(
            f"the credentials are for account {found}, but settings/{settings.environment}.toml names "
            f"{settings.account}; take other credentials, or change `account`"
        )


def _bootstrapped(settings: Settings, ssm: Any) -> None:
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise PreflightError(f"cannot read {BOOTSTRAP_PARAMETER}: {error}") from None
        version = 0
    if version < _OLDEST_BOOTSTRAP:
        state = "not bootstrapped" if version == 0 else f"bootstrapped with version {version} only"
        raise PreflightError(
            f"account {settings.account} in {settings.region} is {state} for the CDK; "
            f"run `make bootstrap ENV={settings.environment}` once"
        )


def _stacks(named: Names, cloudformation: Any, command: str) -> frozenset[str]:
    """Return the stacks of the environment that exist, none of them stuck or busy."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    found = {
        stack["StackName"]: stack["StackStatus"]
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(f"{named.prefix}-")
    }
    for stack, status in sorted(found.items()):
        if status in _STUCK and not (command == "destroy" and status == "DELETE_FAILED"):
            cure = _STUCK[status].format(stack=stack, environment=named.environment)
            raise PreflightError(f"stack {stack} is {status}: {cure}")
        if status.endswith(_BUSY) and status != "REVIEW_IN_PROGRESS":
            raise PreflightError(f"stack {stack} is {status}: wait until that has ended, then deploy again")
    return frozenset(found)


def _no_foreign_domain(named: Names, sagemaker: Any, existing: frozenset[str]) -> None:
    """Refuse where a domain of our name exists and our stack did not make it."""
    if named.of("studio") in existing:
        return
    pages = sagemaker.get_paginator("list_domains").paginate()
    for domain in (domain for page in pages for domain in page["Domains"]):
        if domain["DomainName"] == named.prefix:
            raise PreflightError(
                f"a Studio domain {named.prefix} ({domain['DomainId']}) exists already in {named.region}, "
                "left over from elsewhere; delete it with `aws sagemaker delete-domain --domain-id "
                f"{domain['DomainId']} --retention-policy HomeEfsFileSystem=Delete`, then deploy again"
            )
