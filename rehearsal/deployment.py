"""Bootstrap, deployment, a second one that changes nothing, an update, and the end of it all."""

from __future__ import annotations

import re

from rehearsal import deploying
from rehearsal.deploying import STACKS
from rehearsal.report import Report
from rehearsal.site import Site

_UNCHANGED = "(no changes)"


def bootstrap(site: Site, report: Report) -> None:
    """Make the CDK's toolkit."""
    deploying.run(site, "bootstrap")
    version = site.client("ssm").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"]
    report.check(int(version) >= 6, f"the account is bootstrapped, version {version}")


def deploy(site: Site, report: Report) -> None:
    """Make all six stacks."""
    deploying.run(site, "deploy")
    found = {name: stack["StackStatus"] for name, stack in deploying.stacks(site).items()}
    report.check(
        found == dict.fromkeys(STACKS, "CREATE_COMPLETE"), f"{len(STACKS)} stacks are CREATE_COMPLETE", found
    )


def deploy_again(site: Site, report: Report) -> None:
    """Deploy what is deployed: nothing happens."""
    before = deploying.events(site)
    told = deploying.run(site, "deploy")
    report.check(
        told.count(_UNCHANGED) == len(STACKS), "a second deployment finds no changes in any stack", told
    )
    report.check(deploying.events(site) == before, "and CloudFormation touched no resource")


def update(site: Site, report: Report, task: str) -> None:
    """Change settings; exactly what they stand for is updated."""
    site.change("tasks", task, schedule="cron(0 6 ? * MON *)")
    site.change("alarms", latency_ms=site.settings().alarms.latency_ms + 1)
    before = deploying.events(site)
    deploying.run(site, "deploy")
    new = {told for event, told in deploying.events(site).items() if event not in before}
    changed = sorted({re.sub(r"[0-9A-F]{8}$", "", told.rpartition(" ")[0]) for told in new})
    expected = [f"pipelines Schedule{task}"]
    report.check(
        [one for one in changed if one.startswith("pipelines ")] == expected,
        f"another schedule in the settings updates the schedule of {task}, and nothing else of its stack",
        changed,
    )
    others = [one for one in changed if not one.startswith("pipelines ")]
    report.check(
        others and all(one.startswith("serving ") for one in others),
        f"another latency updates in serving: {', '.join(one.partition(' ')[2] for one in others)}",
        changed,
    )
    found = site.client("scheduler").get_schedule(Name=site.names.of(task))["ScheduleExpression"]
    report.check(found == "cron(0 6 ? * MON *)", "the schedule has the new expression", found)


def destroy(site: Site, report: Report) -> None:
    """Delete the stacks."""
    deploying.run(site, "destroy")
    left = sorted(deploying.stacks(site))
    report.check(not left, "no stack is left", left)
