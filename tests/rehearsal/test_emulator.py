"""The emulator with SageMaker inside: what a rehearsal relies on, in seconds and without the CDK."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import settings
from rehearsal.leftovers import inventory
from rehearsal.site import MINISTACK, Site, site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not MINISTACK.exists(), reason="the emulator's environment is set up by make rehearse"
    ),
]

_ACCOUNT = settings.read("dev").account
_ROLE = f"arn:aws:iam::{_ACCOUNT}:role/worker"
_DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [],
    "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "as it should"}}],
}
_SAGEMAKER_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": _ACCOUNT}},
        }
    ],
}


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site("dev") as here:
        yield here


def _until(done: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.1)
    return found


def _template(vpc: str, subnet: str) -> dict[str, Any]:
    """Return a stack with the types that the extension adds."""
    return {
        "Resources": {
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "jobs", "VpcId": vpc},
            },
            "Rule": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {
                    "GroupId": {"Ref": "Group"},
                    "IpProtocol": "tcp",
                    "FromPort": 443,
                    "ToPort": 443,
                    "CidrIp": "10.9.0.0/24",
                },
            },
            "Flow": {
                "Type": "AWS::EC2::FlowLog",
                "Properties": {
                    "ResourceId": vpc,
                    "ResourceType": "VPC",
                    "TrafficType": "ALL",
                    "LogGroupName": "flow",
                    "DeliverLogsPermissionArn": _ROLE,
                },
            },
            "Budget": {
                "Type": "AWS::Budgets::Budget",
                "Properties": {
                    "Budget": {
                        "BudgetName": "all",
                        "BudgetType": "COST",
                        "TimeUnit": "MONTHLY",
                        "BudgetLimit": {"Amount": 50, "Unit": "USD"},
                    }
                },
            },
            "Models": {
                "Type": "AWS::SageMaker::ModelPackageGroup",
                "Properties": {"ModelPackageGroupName": "models"},
            },
            "Line": {
                "Type": "AWS::SageMaker::Pipeline",
                "Properties": {
                    "PipelineName": "line",
                    "RoleArn": _ROLE,
                    "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(_DEFINITION)},
                },
            },
            "Domain": {
                "Type": "AWS::SageMaker::Domain",
                "Properties": {
                    "DomainName": "studio",
                    "AuthMode": "IAM",
                    "DefaultUserSettings": {"ExecutionRole": _ROLE},
                    "SubnetIds": [subnet],
                    "VpcId": vpc,
                },
            },
            "User": {
                "Type": "AWS::SageMaker::UserProfile",
                "Properties": {"DomainId": {"Fn::GetAtt": ["Domain", "DomainId"]}, "UserProfileName": "ada"},
            },
        },
        "Outputs": {"Home": {"Value": {"Fn::GetAtt": ["Domain", "HomeEfsFileSystemId"]}}},
    }


def test_a_stack_of_the_types_that_the_emulator_lacked_is_made_updated_and_deleted(place: Site) -> None:
    ec2 = place.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/25")["Subnet"]["SubnetId"]
    before = inventory(place)
    stacks, name, template = place.client("cloudformation"), {"StackName": "types"}, _template(vpc, subnet)

    def settle(waiter: str) -> None:
        stacks.get_waiter(waiter).wait(**name, WaiterConfig={"Delay": 1})

    stacks.create_stack(**name, TemplateBody=json.dumps(template))
    settle("stack_create_complete")
    made = inventory(place) - before
    kinds = ("budget", "flow log", "domain", "user profile", "pipeline", "model package group")
    assert all(any(one.startswith(f"{kind} ") for one in made) for kind in kinds), made
    home = stacks.describe_stacks(**name)["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert f"file system {home}" in made

    line = template["Resources"]["Line"]["Properties"]
    line["PipelineDefinition"]["PipelineDefinitionBody"] = json.dumps({**_DEFINITION, "Metadata": {"a": "b"}})
    stacks.update_stack(**name, TemplateBody=json.dumps(template))
    settle("stack_update_complete")
    deployed = place.client("sagemaker").describe_pipeline(PipelineName="line")["PipelineDefinition"]
    assert json.loads(deployed)["Metadata"] == {"a": "b"}

    stacks.delete_stack(**name)
    settle("stack_delete_complete")
    left = sorted(one.rpartition(" ")[0] for one in inventory(place) - before)
    # What Studio leaves behind on AWS, too: the platform's own resources have to remove it.
    assert [kind for kind in left if kind != "network interface"] == ["file system", *["security group"] * 2]


def test_an_event_of_sagemaker_reaches_a_rule_and_a_forged_one_does_not(place: Site) -> None:
    events, queues, sagemaker = place.client("events"), place.client("sqs"), place.client("sagemaker")
    queue = queues.create_queue(QueueName="told")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "queue", "Arn": arn}])

    forged = {"Source": "aws.sagemaker", "DetailType": "Forged", "Detail": "{}"}
    (refused,) = events.put_events(Entries=[forged])["Entries"]
    assert refused["ErrorCode"] == "NotAuthorizedForSourceException"

    sagemaker.create_model_package_group(ModelPackageGroupName="told")
    image = {"Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName="told",
        InferenceSpecification={
            "Containers": [image],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")

    told: list[dict[str, Any]] = []

    def approved() -> bool:
        for message in queues.receive_message(QueueUrl=queue).get("Messages", []):
            told.append(json.loads(message["Body"]))
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return any(event["detail"].get("ModelApprovalStatus") == "Approved" for event in told)

    _until(approved)
    assert {event["detail-type"] for event in told} == {"SageMaker Model Package State Change"}
    assert all(event["account"] == _ACCOUNT for event in told)


def test_a_job_works_as_its_role_and_as_no_other(tmp_path: Path) -> None:
    with site("dev", auth=True) as place:
        iam, s3 = place.client("iam"), place.client("s3")
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(_SAGEMAKER_TRUST))
        s3.create_bucket(Bucket="code")
        s3.put_object(Bucket="code", Key="in/data", Body=b"rows")
        client, status = place.client("sagemaker"), ""
        for allowed in (False, True):
            if allowed:
                iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps(_READS))
            name = f"job-{allowed}"
            client.create_processing_job(**_job(name))
            status, reason = _until(lambda name=name: _ended(client, name))
            if not allowed:
                assert status == "Failed"
                assert f"s3://code/in as {_ROLE}" in reason
                assert "AccessDenied" in reason
        assert status == "Completed", reason


_READS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::code"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::code/in/*"},
    ],
}


def _job(name: str) -> dict[str, Any]:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
    source = {
        "S3Uri": "s3://code/in",
        "LocalPath": "/opt/ml/processing/input/in",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {
        "ProcessingJobName": name,
        "RoleArn": _ROLE,
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["cat", "/opt/ml/processing/input/in/data"],
        },
        "ProcessingInputs": [{"InputName": "in", "S3Input": source}],
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
        },
    }


def _ended(client: Any, name: str) -> tuple[str, str] | None:
    found = client.describe_processing_job(ProcessingJobName=name)
    if found["ProcessingJobStatus"] == "InProgress":
        return None
    return found["ProcessingJobStatus"], found.get("FailureReason", "") + found.get("ExitMessage", "")


def test_everything_that_was_started_ends(tmp_path: Path) -> None:
    with site("dev") as place:
        folder, url = place.folder, place.url
        assert folder.is_dir()
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        _connect(url)
    assert not [one for one in Path("/proc").iterdir() if one.name.isdigit() and _mentions(one, str(folder))]


def _connect(url: str) -> None:
    import socket

    socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=2).close()


def _mentions(process: Path, text: str) -> bool:
    try:
        return text.encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def test_a_user_that_may_nothing_is_refused_by_sagemaker_too() -> None:
    import boto3

    with site("dev", auth=True) as place:
        iam = place.client("iam")
        iam.create_user(UserName="guest")
        keys = iam.create_access_key(UserName="guest")["AccessKey"]
        guest = boto3.client(
            "sagemaker",
            endpoint_url=place.url,
            region_name="us-east-1",
            verify=place.variables["AWS_CA_BUNDLE"],
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
        )
        with pytest.raises(ClientError, match="not authorized to perform: sagemaker:ListModels"):
            guest.list_models()
