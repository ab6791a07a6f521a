"""What the network promises."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_no_job_has_a_way_to_the_internet(both: Any) -> None:
    for platform in both:
        types = {resource["Type"] for resource in platform.templates["network"]["Resources"].values()}
        assert not types & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}
        for subnet in platform.properties("network", "AWS::EC2::Subnet"):
            assert subnet["MapPublicIpOnLaunch"] is False


def test_there_is_one_subnet_in_each_zone_of_the_settings(both: Any) -> None:
    for platform in both:
        zones = [subnet["AvailabilityZone"] for subnet in platform.properties("network", "AWS::EC2::Subnet")]
        assert zones == ["us-east-1a", "us-east-1b"]


def test_the_way_to_s3_leads_to_this_environments_buckets_alone(dev: Any) -> None:
    endpoint = dev.only("network", "AWS::EC2::VPCEndpoint", VpcEndpointType="Gateway")
    own, layers = endpoint["PolicyDocument"]["Statement"]
    assert all("trainyard-dev-" in resource for resource in own["Resource"])
    assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}
    assert layers["Action"] == "s3:GetObject"
    assert layers["Resource"] == "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"


def test_quick_mode_pays_for_no_interface_endpoint(dev: Any) -> None:
    endpoints = dev.properties("network", "AWS::EC2::VPCEndpoint")
    assert [endpoint["VpcEndpointType"] for endpoint in endpoints] == ["Gateway"]


def test_endpoints_answer_under_the_services_own_names_and_to_this_account_only(prod: Any) -> None:
    endpoints = [
        e for e in prod.properties("network", "AWS::EC2::VPCEndpoint") if e["VpcEndpointType"] == "Interface"
    ]
    assert endpoints
    for endpoint in endpoints:
        assert endpoint["PrivateDnsEnabled"] is True
        assert len(endpoint["SubnetIds"]) == 2
        for statement in endpoint["PolicyDocument"]["Statement"]:
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "444455556666"}}


def test_nothing_is_reachable_from_outside_of_its_security_group(both: Any) -> None:
    for platform in both:
        for group in platform.properties("network", "AWS::EC2::SecurityGroup"):
            assert "SecurityGroupIngress" not in group
        for rule in platform.properties("network", "AWS::EC2::SecurityGroupIngress"):
            assert "SourceSecurityGroupId" in rule
            assert "CidrIp" not in rule


def test_containers_of_one_job_can_encrypt_what_they_say_to_each_other(dev: Any) -> None:
    protocols = {rule["IpProtocol"] for rule in dev.properties("network", "AWS::EC2::SecurityGroupIngress")}
    assert {"udp", "50"} <= protocols  # IKE on UDP 500, and ESP, as SageMaker asks for


def test_all_traffic_is_logged_encrypted_and_kept_as_long_as_settings_say(prod: Any) -> None:
    flow_log = prod.only("network", "AWS::EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    (group,) = [g for g in prod.properties("network", "AWS::Logs::LogGroup") if "LogGroupName" not in g]
    assert group["RetentionInDays"] == 365
    assert "KmsKeyId" in group


def test_the_network_is_deleted_only_when_no_interface_is_left_in_it(both: Any) -> None:
    for platform in both:
        ((_, waiting),) = platform.resources("network", "Custom::NoNetworkInterfaces").items()
        needed = set(waiting["DependsOn"])
        assert set(platform.resources("network", "AWS::EC2::Subnet")) <= needed
        used = platform.resources("network", "AWS::EC2::SecurityGroup")
        assert len(set(used) & needed) == 2  # the jobs' and Studio's; endpoints are CloudFormation's own
