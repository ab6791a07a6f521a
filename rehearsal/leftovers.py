"""Everything that exists in the account, so that what a deployment leaves behind is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rehearsal.report import Report
from rehearsal.site import Site

Listing = Callable[[Any], Iterator[str]]


def _paged(operation: str, key: str, name: str | None = None, **asked: Any) -> Listing:
    """Return a listing of all pages of an operation: the members `name` of the entries of `key`."""

    def listing(client: Any) -> Iterator[str]:
        if client.can_paginate(operation):
            answers = client.get_paginator(operation).paginate(**asked)
        else:
            answers = [getattr(client, operation)(**asked)]
        for answer in answers:
            for entry in answer.get(key, []):
                yield str(entry[name]) if name else str(entry)

    return listing


def _stacks(client: Any) -> Iterator[str]:
    for stack in client.describe_stacks()["Stacks"]:
        yield stack["StackName"]


def _live_keys(client: Any) -> Iterator[str]:
    """Yield the keys that are not about to be deleted, which takes a week at least."""
    for entry in client.list_keys()["Keys"]:
        if client.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield entry["KeyId"]


def _budgets(site: Site) -> Iterator[str]:
    client = site.client("budgets")
    for budget in client.describe_budgets(AccountId=site.settings().account).get("Budgets", []):
        yield f"budget {budget['BudgetName']}"


_KINDS: dict[str, tuple[str, Listing]] = {
    "stack": ("cloudformation", _stacks),
    "bucket": ("s3", _paged("list_buckets", "Buckets", "Name")),
    "key": ("kms", _live_keys),
    "key alias": ("kms", _paged("list_aliases", "Aliases", "AliasName")),
    "role": ("iam", _paged("list_roles", "Roles", "RoleName")),
    "policy": ("iam", _paged("list_policies", "Policies", "PolicyName", Scope="Local")),
    "function": ("lambda", _paged("list_functions", "Functions", "FunctionName")),
    "rule": ("events", _paged("list_rules", "Rules", "Name")),
    "schedule": ("scheduler", _paged("list_schedules", "Schedules", "Name")),
    "queue": ("sqs", _paged("list_queues", "QueueUrls")),
    "topic": ("sns", _paged("list_topics", "Topics", "TopicArn")),
    "alarm": ("cloudwatch", _paged("describe_alarms", "MetricAlarms", "AlarmName")),
    "dashboard": ("cloudwatch", _paged("list_dashboards", "DashboardEntries", "DashboardName")),
    "parameter": ("ssm", _paged("describe_parameters", "Parameters", "Name")),
    "log group": ("logs", _paged("describe_log_groups", "logGroups", "logGroupName")),
    "VPC": ("ec2", _paged("describe_vpcs", "Vpcs", "VpcId")),
    "subnet": ("ec2", _paged("describe_subnets", "Subnets", "SubnetId")),
    "route table": ("ec2", _paged("describe_route_tables", "RouteTables", "RouteTableId")),
    "security group": ("ec2", _paged("describe_security_groups", "SecurityGroups", "GroupId")),
    "VPC endpoint": ("ec2", _paged("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId")),
    "network interface": (
        "ec2",
        _paged("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ),
    "flow log": ("ec2", _paged("describe_flow_logs", "FlowLogs", "FlowLogId")),
    "file system": ("efs", _paged("describe_file_systems", "FileSystems", "FileSystemId")),
    "domain": ("sagemaker", _paged("list_domains", "Domains", "DomainId")),
    "user profile": ("sagemaker", _paged("list_user_profiles", "UserProfiles", "UserProfileName")),
    "lifecycle configuration": (
        "sagemaker",
        _paged("list_studio_lifecycle_configs", "StudioLifecycleConfigs", "StudioLifecycleConfigName"),
    ),
    "pipeline": ("sagemaker", _paged("list_pipelines", "PipelineSummaries", "PipelineName")),
    "model package group": (
        "sagemaker",
        _paged("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
    ),
    "endpoint": ("sagemaker", _paged("list_endpoints", "Endpoints", "EndpointName")),
    "endpoint configuration": (
        "sagemaker",
        _paged("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    ),
    "model": ("sagemaker", _paged("list_models", "Models", "ModelName")),
}
"""Kind → the service that knows it, and how to list it."""

KINDS = len(_KINDS) + 1


_MODELS_OF_EXECUTIONS = "model pipelines-"


def inventory(site: Site) -> set[str]:
    """Return everything that exists, as `KIND NAME`."""
    found = set(_budgets(site))
    for kind, (service, listing) in _KINDS.items():
        found.update(f"{kind} {name}" for name in listing(site.client(service)))
    return found


def check(report: Report, before: set[str], after: set[str]) -> None:
    """Check that nothing exists that did not before."""
    new = after - before
    models = {one for one in new if one.startswith(_MODELS_OF_EXECUTIONS)}
    left = sorted(new - models)
    report.check(not left, f"nothing is left of {KINDS} kinds of resources", "; ".join(left))
    report.note(f"{len(models)} models of executions stay: SageMaker keeps them, and charges nothing")
