"""What the functions of custom resources do; botocore checks each call against AWS's own service model."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from stacks.custom_resources import (
    empty_bucket,
    empty_group,
    network_interfaces,
    ship_code,
    studio_applications,
    studio_remains,
)
from stacks.custom_resources.response import OutOfTimeError, Request, Result, handler

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
DOMAIN = "d-0123456789ab"
SYSTEM, TARGET = "fs-0123456789abcdef0", "fsmt-0123456789abcdef0"


class Context:
    """Lambda's context with a fixed remaining time."""

    log_stream_name = "stream"

    def __init__(self, milliseconds: int = 900_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def request(milliseconds: int = 900_000) -> Request:
    return Request("Delete", {}, Context(milliseconds))


@pytest.fixture
def stubbed() -> Iterator[Any]:
    """Clients whose answers are laid out in order; every one must be used."""
    stubbers = []

    def make(service: str) -> tuple[Any, Stubber]:
        client = boto3.client(service, **CREDENTIALS)
        stubber = Stubber(client)
        stubber.activate()
        stubbers.append(stubber)
        return client, stubber

    yield make
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


def test_emptying_a_bucket_deletes_versions_markers_and_unfinished_uploads(stubbed: Any) -> None:
    s3, answers = stubbed("s3")
    answers.add_response(
        "list_object_versions",
        {"Versions": [{"Key": "a", "VersionId": "1"}], "DeleteMarkers": [{"Key": "b", "VersionId": "2"}]},
    )
    both = [{"Key": "a", "VersionId": "1"}, {"Key": "b", "VersionId": "2"}]
    answers.add_response("delete_objects", {}, {"Bucket": "x", "Delete": {"Objects": both, "Quiet": True}})
    answers.add_response("list_multipart_uploads", {"Uploads": [{"Key": "c", "UploadId": "3"}]})
    answers.add_response("abort_multipart_upload", {}, {"Bucket": "x", "Key": "c", "UploadId": "3"})
    assert empty_bucket.empty(s3, "x", request()) == 2


def test_an_object_that_cannot_be_deleted_is_named(stubbed: Any) -> None:
    s3, answers = stubbed("s3")
    answers.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]})
    answers.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})
    with pytest.raises(RuntimeError, match="1 objects of x remain, first a: AccessDenied"):
        empty_bucket.empty(s3, "x", request())


def test_running_out_of_time_says_what_remains_and_what_to_do(stubbed: Any) -> None:
    s3, answers = stubbed("s3")
    answers.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]})
    with pytest.raises(OutOfTimeError, match=r"objects in x .*run the same command again"):
        empty_bucket.empty(s3, "x", request(milliseconds=1000))


def test_a_group_is_emptied_package_by_package(stubbed: Any) -> None:
    sagemaker, answers = stubbed("sagemaker")
    arn = "arn:aws:sagemaker:us-east-1:111122223333:model-package/g/1"
    summary = {"ModelPackageArn": arn, "CreationTime": 0, "ModelPackageStatus": "Completed"}
    answers.add_response("list_model_packages", {"ModelPackageSummaryList": [summary]})
    answers.add_response("delete_model_package", {}, {"ModelPackageName": arn})
    assert empty_group.empty(sagemaker, "g", request()) == 1


def test_code_is_unpacked_below_its_prefix(stubbed: Any) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("processing/__init__.py", b"")
        writer.writestr("processing/evaluation.py", b"code")
    content = archive.getvalue()
    s3, answers = stubbed("s3")
    answers.add_response("get_object", {"Body": StreamingBody(io.BytesIO(content), len(content))})
    for name, body in (("__init__.py", b""), ("evaluation.py", b"code")):
        key = f"code/1/processing/{name}"
        answers.add_response("put_object", {}, {"Bucket": "to", "Key": key, "Body": body})
    assert ship_code.ship(s3, ("from", "zip"), ("to", "code/1")) == [
        "code/1/processing/__init__.py",
        "code/1/processing/evaluation.py",
    ]


def test_applications_go_before_the_spaces_they_run_in(stubbed: Any) -> None:
    sagemaker, answers = stubbed("sagemaker")
    running = {"AppType": "JupyterLab", "AppName": "default", "SpaceName": "mine", "Status": "InService"}
    gone = {**running, "Status": "Deleted"}
    space = {"SpaceName": "mine", "Status": "InService"}
    answers.add_response("list_apps", {"Apps": [running]})
    named = {"DomainId": DOMAIN, "AppType": "JupyterLab", "AppName": "default", "SpaceName": "mine"}
    answers.add_response("delete_app", {}, named)
    answers.add_response("list_apps", {"Apps": [{**running, "Status": "Deleting"}]})
    answers.add_response("list_apps", {"Apps": [gone]})
    answers.add_response("list_spaces", {"Spaces": [space]})
    answers.add_response("delete_space", {}, {"DomainId": DOMAIN, "SpaceName": "mine"})
    answers.add_response("list_spaces", {"Spaces": []})
    studio_applications.clear(sagemaker, DOMAIN, request(), pause=0)


def test_what_studio_made_by_itself_is_marked_while_the_domain_is_known(stubbed: Any) -> None:
    ec2, groups = stubbed("ec2")
    efs, systems = stubbed("efs")
    tag = [{"Key": studio_applications.REMAINS_TAG, "Value": "trainyard-dev"}]
    systems.add_response("tag_resource", {}, {"ResourceId": SYSTEM, "Tags": tag})
    groups.add_response("describe_security_groups", {"SecurityGroups": [{"GroupId": "sg-1"}]})
    groups.add_response("create_tags", {}, {"Resources": ["sg-1"], "Tags": tag})
    studio_applications.tag_remains(ec2, efs, file_system=SYSTEM, domain_arn="arn", name="trainyard-dev")


def remains(stubbed: Any) -> tuple[Any, Any, Stubber, Stubber]:
    """Lay out a file system with one mount target, and two groups that refer to each other."""
    efs, systems = stubbed("efs")
    ec2, groups = stubbed("ec2")
    tag = {"Key": studio_applications.REMAINS_TAG, "Value": "trainyard-dev"}
    system = {"OwnerId": "1", "CreationToken": "t", "FileSystemId": SYSTEM, "CreationTime": 0,
              "LifeCycleState": "available", "NumberOfMountTargets": 1, "SizeInBytes": {"Value": 0},
              "PerformanceMode": "generalPurpose", "Tags": [tag]}  # fmt: skip
    other = {**system, "FileSystemId": "fs-fedcba9876543210f", "Tags": []}
    target = {
        "MountTargetId": TARGET,
        "FileSystemId": SYSTEM,
        "SubnetId": "subnet-0123456789abcdef0",
        "LifeCycleState": "available",
    }
    systems.add_response("describe_file_systems", {"FileSystems": [system, other]})
    systems.add_response("describe_mount_targets", {"MountTargets": [target]})
    systems.add_response("delete_mount_target", {}, {"MountTargetId": TARGET})
    systems.add_response("describe_mount_targets", {"MountTargets": []})
    systems.add_response("delete_file_system", {}, {"FileSystemId": SYSTEM})
    rule = [{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049}]
    inbound = {"GroupId": "sg-in", "IpPermissions": rule, "IpPermissionsEgress": []}
    outbound = {"GroupId": "sg-out", "IpPermissions": [], "IpPermissionsEgress": rule}
    groups.add_response("describe_security_groups", {"SecurityGroups": [inbound, outbound]})
    groups.add_response("revoke_security_group_ingress", {}, {"GroupId": "sg-in", "IpPermissions": rule})
    groups.add_response("revoke_security_group_egress", {}, {"GroupId": "sg-out", "IpPermissions": rule})
    return ec2, efs, groups, systems


def test_a_domains_remains_go_and_other_file_systems_stay(stubbed: Any) -> None:
    ec2, efs, groups, _ = remains(stubbed)
    groups.add_response("delete_security_group", {}, {"GroupId": "sg-in"})
    groups.add_response("delete_security_group", {}, {"GroupId": "sg-out"})
    assert studio_remains.remove(ec2, efs, "trainyard-dev", request(), pause=0) == [SYSTEM, "sg-in", "sg-out"]


def test_what_is_left_over_is_reported_after_all_else_was_tried(stubbed: Any) -> None:
    ec2, efs, groups, _ = remains(stubbed)
    groups.add_client_error("delete_security_group", "DependencyViolation", "in use by eni-1")
    groups.add_response("delete_security_group", {}, {"GroupId": "sg-out"})
    with pytest.raises(studio_remains.LeftoversError, match=r"sg-in .*in use by eni-1"):
        studio_remains.remove(ec2, efs, "trainyard-dev", request(), pause=0)


def test_the_network_waits_for_interfaces_and_deletes_those_that_nobody_uses(stubbed: Any) -> None:
    ec2, answers = stubbed("ec2")
    busy = {"NetworkInterfaceId": "eni-1", "Status": "in-use", "Description": "SageMaker"}
    idle = {"NetworkInterfaceId": "eni-2", "Status": "available"}
    filters = {"Filters": [{"Name": "group-id", "Values": ["sg-1"]}]}
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [busy, idle]}, filters)
    answers.add_response("delete_network_interface", {}, {"NetworkInterfaceId": "eni-2"})
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [busy]}, filters)
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": []}, filters)
    assert network_interfaces.clear(ec2, ["sg-1"], request(), pause=0) == 1


def test_an_interface_that_stays_is_named(stubbed: Any) -> None:
    ec2, answers = stubbed("ec2")
    busy = {"NetworkInterfaceId": "eni-1", "Status": "in-use", "Description": "SageMaker"}
    answers.add_response("describe_network_interfaces", {"NetworkInterfaces": [busy]})
    with pytest.raises(OutOfTimeError, match=r"eni-1 \(SageMaker\); run the same command again"):
        network_interfaces.clear(ec2, ["sg-1"], request(milliseconds=1000))


class Answers(http.server.BaseHTTPRequestHandler):
    """The place where CloudFormation waits for answers."""

    received: list[dict[str, Any]]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).received.append({"type": self.headers["Content-Type"], **json.loads(body)})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A ResponseURL and what arrives there."""
    Answers.received = []
    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer", Answers.received
    server.shutdown()
    thread.join()
    server.server_close()


def event(url: str) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "ResponseURL": url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Thing",
        "ResourceProperties": {},
    }


def test_cloudformation_gets_identity_and_attributes(cloudformation: Any) -> None:
    url, received = cloudformation
    handler(lambda _: Result("thing-1", {"Uri": "s3://x"}))(event(url), Context())
    (answer,) = received
    assert answer["Status"] == "SUCCESS"
    assert (answer["PhysicalResourceId"], answer["Data"]) == ("thing-1", {"Uri": "s3://x"})
    assert answer["type"] == ""  # a content type would break the address's signature


def test_a_failure_is_answered_too_so_that_no_stack_waits_for_an_hour(cloudformation: Any) -> None:
    url, received = cloudformation

    def fails(_: Request) -> Result:
        raise RuntimeError("no such bucket " + "x" * 5000)

    handler(fails)(event(url), Context())
    (answer,) = received
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("RuntimeError: no such bucket")
    assert len(json.dumps(answer)) < 4096  # CloudFormation's limit for an answer


def test_functions_import_nothing_that_lambda_does_not_have() -> None:
    modules = ", ".join(
        f"stacks.custom_resources.{path.stem}" for path in Path(empty_bucket.__file__).parent.glob("*.py")
    )
    foreign = "('aws_cdk', 'jsii', 'pydantic', 'settings')"
    code = f"import sys, {modules}; print([name for name in {foreign} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
