"""Bootstrap, deployment, a second one that changes nothing, an update, and the end of it all."""

from __future__ import annotations

from rehearsal import deploying
from rehearsal.deploying import STACKS
from rehearsal.report import Report
from rehearsal.site import Site

_UNCHANGED = "(no changes)"
_LATER = "cron(0 6 ? * MON *)"


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
    """Change two settings; what they stand for is updated, and nothing else."""
    latency = site.settings().alarms.latency_ms + 1
    site.change("tasks", task, schedule=_LATER)
    site.change("alarms", latency_ms=latency)
    before = deploying.resources(site)
    deploying.run(site, "deploy")
    after = deploying.resources(site)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    kinds = sorted(f"{name.partition(' ')[0]}: {after[name]['Type']}" for name in changed & after.keys())
    tasks = len(site.settings().tasks)
    expected = ["pipelines: AWS::Scheduler::Schedule", *["serving: AWS::CloudWatch::Alarm"] * tasks]
    report.check(
        kinds == expected and changed <= before.keys() & after.keys(),
        f"two changed settings update one schedule and the latency alarms of {tasks} tasks, nothing else",
        sorted(changed),
    )
    found = site.client("scheduler").get_schedule(Name=site.names.of(task))["ScheduleExpression"]
    report.check(found == _LATER, f"the schedule is now {found}", found)
    alarms = site.client("cloudwatch").describe_alarms()["MetricAlarms"]
    thresholds = [alarm["Threshold"] / 1000 for alarm in alarms if alarm["MetricName"] == "ModelLatency"]
    report.check(thresholds == [latency] * tasks, f"the alarms' thresholds are now {latency} ms", thresholds)


def destroy(site: Site, report: Report) -> None:
    """Delete the stacks."""
    deploying.run(site, "destroy")
    left = sorted(deploying.stacks(site))
    report.check(not left, "no stack is left", left)
