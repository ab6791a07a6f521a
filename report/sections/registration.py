"""What was registered, where it is kept, and how to approve it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from report import status
from report.facts import Facts
from report.markup import Child, Markup, join, tag
from report.tables import definition_list


@dataclass(frozen=True)
class PackageArn:
    """A model package's ARN, taken apart; `version` is None for a package outside a group."""

    region: str
    account: str
    group: str
    version: str | None


def read_arn(arn: str) -> PackageArn | None:
    """Read arn:PARTITION:sagemaker:REGION:ACCOUNT:model-package/GROUP/VERSION; None for other text."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("model-package/"):
        return None
    group, _, version = parts[5].removeprefix("model-package/").partition("/")
    return PackageArn(parts[3], parts[4], group, version or None)


def registration(facts: Facts) -> Markup | None:
    """Write the section; None where the execution failed or is still under way."""
    package = facts.execution.get("model_package")
    if not package:
        return None
    arn = str(package.get("arn"))
    approval = str(package.get("approval_status") or "PendingManualApproval")
    look = status.look(approval)
    parts: list[Child] = [
        tag("h2", "Registered model"),
        definition_list([*_described(facts, arn), ("Approval", status.badge(look))], "package"),
        _where(facts, arn),
    ]
    if approval != "Approved":
        parts.append(tag("h3", "Approve it"))
        parts.append(_command(arn, "Approved"))
        parts.append(tag("p", "To turn it down, give ", tag("code", "Rejected"), " instead."))
        if "ApprovalStatus" in facts.parameters:
            parts.append(
                tag(
                    "p",
                    "To have the next run register its champion as approved at once: ",
                    tag("code", f"trainyard run {facts.task} --set ApprovalStatus=Approved"),
                )
            )
    return tag("section", parts, id="model")


def _described(facts: Facts, arn: str) -> list[tuple[str, Child]]:
    read = read_arn(arn)
    described: list[tuple[str, Child]] = [("Champion", facts.champion)] if facts.champion else []
    if read:
        described.append(("Model package group", read.group))
        if read.version:
            described.append(("Version", read.version))
    return [*described, ("ARN", tag("code", arn))]


def _where(facts: Facts, arn: str) -> Markup:
    read = read_arn(arn)
    aws = f" of account {read.account} in {read.region}" if read else ""
    return tag(
        "p",
        "A run on this machine keeps its model packages in the state directory (",
        tag("code", ".trainyard/"),
        ", or ",
        tag("code", "TRAINYARD_HOME"),
        "): ",
        tag("code", f"trainyard models {facts.task}"),
        f" lists them. A run on AWS keeps them in SageMaker Model Registry{aws}.",
    )


def _command(arn: str, approval: str) -> Markup:
    read = read_arn(arn)
    lines = [
        "aws sagemaker update-model-package",
        f"  --model-package-arn {shlex.quote(arn)}",
        f"  --model-approval-status {approval}",
    ]
    if read and read.region:
        lines.append(f"  --region {shlex.quote(read.region)}")
    return tag(
        "pre",
        tag("code", join(" \\\n".join(lines))),
        tabindex="0",
        aria_label="Command that approves the package",
    )
