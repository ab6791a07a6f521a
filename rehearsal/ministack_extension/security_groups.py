"""Rules of security groups as resources of their own."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from clients import client
from kind import Kind, Made, Properties

_OTHER_GROUP = ("SourceSecurityGroupId", "DestinationSecurityGroupId")
_PREFIX_LIST = ("SourcePrefixListId", "DestinationPrefixListId")


def _permission(properties: Properties) -> dict[str, Any]:
    """Return a rule in the form of the EC2 API."""
    described = {"Description": properties["Description"]} if "Description" in properties else {}
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if port in properties:
            permission[port] = int(properties[port])
    if "CidrIp" in properties:
        permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **described}]
    for key in _OTHER_GROUP:
        if key in properties:
            permission["UserIdGroupPairs"] = [{"GroupId": properties[key], **described}]
    for key in _PREFIX_LIST:
        if key in properties:
            permission["PrefixListIds"] = [{"PrefixListId": properties[key], **described}]
    return permission


def _rule(direction: str) -> Kind:
    def create(properties: Properties) -> Made:
        _call("authorize", direction, properties)
        digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()
        identity = f"sgr-{digest[:17]}"
        return identity, {"Id": identity}

    def delete(_identity: str, properties: Properties) -> None:
        _call("revoke", direction, properties)

    return Kind(create, delete)


def _call(verb: str, direction: str, properties: Properties) -> None:
    call = getattr(client("ec2"), f"{verb}_security_group_{direction}")
    call(GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])


INGRESS = _rule("ingress")
EGRESS = _rule("egress")
