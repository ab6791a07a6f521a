"""What was registered, where it is kept, and how to approve it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from report import status
from report.facts import Facts
from report.markup import Child, Markup, join, tag
from report.tables import definition_list

THIS_MACHINE = "000000000000"  # the account that a run without AWS writes into ARNs


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
    described = definition_list(_described(facts, arn, approval), "package")
    approve = None if approval == "Approved" else _approve(facts, arn)
    return tag("section", tag("h2", "Registered model"), described, _where(facts, arn), approve, id="model")


def _approve(facts: Facts, arn: str) -> Markup:
    next_time = None
    if "ApprovalStatus" in facts.parameters:
        command = f"trainyard run {facts.task} --set ApprovalStatus=Approved"
        next_time = join(
            tag("p", "To have the next run register its champion as approved at once:"), _shell(command)
        )
    return join(
        tag("h3", "Approve it"),
        _shell(f"trainyard approve {shlex.quote(arn)}" + ("" if _is_here(arn) else " --on aws")),
        tag("p", _with_any_client(arn)),
        _shell(_command(arn)),
        tag("p", "To turn it down: ", tag("code", "trainyard reject"), ", or the status Rejected."),
        next_time,
    )


def _is_here(arn: str) -> bool:
    read = read_arn(arn)
    return read is None or read.account == THIS_MACHINE


def _with_any_client(arn: str) -> str:
    if _is_here(arn):
        return "An endpoint then serves it while trainyard up runs. Any client of its API can approve, too:"
    return "An endpoint then serves it. The same with AWS's own client:"


def _described(facts: Facts, arn: str, approval: str) -> list[tuple[str, Child]]:
    read = read_arn(arn)
    described: list[tuple[str, Child]] = [("Champion", facts.champion)] if facts.champion else []
    if read:
        described.append(("Model package group", read.group))
        if read.version:
            described.append(("Version", read.version))
    return [*described, ("Approval", status.badge(status.look(approval))), ("ARN", tag("code", arn))]


def _where(facts: Facts, arn: str) -> Markup:
    read = read_arn(arn)
    if read and not _is_here(arn):
        registry = f"SageMaker Model Registry, account {read.account}, {read.region}."
        return tag("p", "The package is kept in ", registry)
    return tag(
        "p",
        "The package is kept on this machine, in the state directory (",
        tag("code", ".trainyard/"),
        ", or ",
        tag("code", "TRAINYARD_HOME"),
        "). ",
        tag("code", f"trainyard models {facts.task}"),
        " lists it.",
    )


def _command(arn: str) -> str:
    read = read_arn(arn)
    lines = [
        "aws sagemaker update-model-package",
        f"--model-package-arn {shlex.quote(arn)}",
        "--model-approval-status Approved",
    ]
    if read and read.region:
        lines.append(f"--region {shlex.quote(read.region)}")
    if _is_here(arn):
        lines.append("--endpoint-url http://127.0.0.1:8080")
    return " \\\n  ".join(lines)


def _shell(command: str) -> Markup:
    return tag("pre", tag("code", command), tabindex="0", role="region", aria_label="Command")
