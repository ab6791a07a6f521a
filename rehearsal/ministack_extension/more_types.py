"""Budgets and flow logs: MiniStack has their services, and not their types."""

from __future__ import annotations

from clients import client
from kind import Kind, Made, Properties


def _account() -> str:
    account: str = client("sts").get_caller_identity()["Account"]
    return account


def _create_budget(properties: Properties) -> Made:
    budget = dict(properties["Budget"])
    limit = budget["BudgetLimit"]
    budget["BudgetLimit"] = {**limit, "Amount": str(limit["Amount"])}
    client("budgets").create_budget(
        AccountId=_account(),
        Budget=budget,
        NotificationsWithSubscribers=properties.get("NotificationsWithSubscribers", []),
    )
    return budget["BudgetName"], {}


def _delete_budget(name: str, _properties: Properties) -> None:
    client("budgets").delete_budget(AccountId=_account(), BudgetName=name)


def _create_flow_log(properties: Properties) -> Made:
    asked = {key: value for key, value in properties.items() if key not in ("ResourceId", "Tags")}
    made = client("ec2").create_flow_logs(ResourceIds=[properties["ResourceId"]], **asked)
    identity = made["FlowLogIds"][0]
    return identity, {"Id": identity}


def _delete_flow_log(identity: str, _properties: Properties) -> None:
    client("ec2").delete_flow_logs(FlowLogIds=[identity])


BUDGET = Kind(_create_budget, _delete_budget)
FLOW_LOG = Kind(_create_flow_log, _delete_flow_log)
