"""`python -m rehearsal`: deploy, run, approve and destroy the whole platform on this machine."""

from __future__ import annotations

import argparse
import signal
import sys

import settings
from rehearsal import approval, deployment, execution, leftovers, permissions
from rehearsal.processes import ProcessError
from rehearsal.report import CheckError, Report
from rehearsal.site import MINISTACK, Site, site
from settings import SettingsError

TASK = "iris"
"""The task that is rehearsed: its sample data needs no download."""
_SCHEDULE = "rate(1 minute)"
_SCHEDULE_SECONDS = 100.0


def main() -> int:
    """Rehearse; 0 where everything is as it must be."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("environment", nargs="?", default="dev", metavar="ENV", help="default: dev")
    parser.add_argument(
        "--auth",
        action="store_true",
        help="with TLS and IAM: every job works as its own role, and as no other",
    )
    options = parser.parse_args()
    report = Report()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what runs is ended
    try:
        check_that_it_can_be_rehearsed(options.environment)
        with site(options.environment, auth=options.auth) as here:
            report.note(f"an emulator of AWS at {here.url}, SageMaker beside it, nothing outside of loopback")
            rehearse(here, report)
    except (CheckError, ProcessError, SettingsError) as error:
        print(f"{report.seconds:7.1f} s  FAILED  {error}", file=sys.stderr)
        return 1
    report.summary()
    return 0


def check_that_it_can_be_rehearsed(environment: str) -> None:
    """Refuse what would fail later and less clearly.

    Raises:
        CheckError: no emulator, or settings that keep what they make.

    """
    if not MINISTACK.exists():
        raise CheckError(f"the emulator is not installed ({MINISTACK}); run it as `make rehearse`")
    chosen = settings.read(environment)
    if TASK not in chosen.tasks:
        raise CheckError(f"settings/{environment}.toml has no task {TASK}, which is what is rehearsed")
    if chosen.storage.on_destroy != "empty":
        raise CheckError(
            f"settings/{environment}.toml retains its data (storage.on_destroy), so nothing could be checked "
            "to be gone at the end; rehearse an environment that empties it, such as dev"
        )


def rehearse(here: Site, report: Report) -> None:
    """Go through a deployment's life.

    Raises:
        CheckError: something is not as it must be; the text ends with what the processes wrote last.

    """
    try:
        _rehearse(here, report)
    except CheckError as error:
        raise CheckError(f"{error}\n{here.last_words()}") from None


def _rehearse(here: Site, report: Report) -> None:
    with report.part("bootstrap"):
        deployment.bootstrap(here, report)
    before = leftovers.inventory(here)
    here.change("tasks", TASK, schedule=_SCHEDULE)
    with report.part("deploy --all"):
        deployment.deploy(here, report)
    with report.part("deploy --all with nothing changed"):
        deployment.deploy_again(here, report)
    execution.upload_raw_data(here, report, TASK)
    by_hand = set()
    if here.enforced:
        with report.part("a permission that is missing"):
            by_hand.add(permissions.missing(here, report, TASK))
    with report.part("an execution of the deployed pipeline"):
        first = execution.start(here, report, TASK)
        by_hand.add(first)
        execution.wait(here, report, first)
        package = execution.registered(here, report, TASK, first)
    with report.part("an approval"):
        approval.refused_from_others(here, report)
        approval.approve(here, report, TASK, package)
        approval.invoke(here, report, TASK)
    with report.part("a schedule that fires"):
        started = execution.scheduled(here, report, TASK, by_hand, _SCHEDULE_SECONDS)
        execution.parameters_of_schedule(here, report, TASK, started)
        execution.wait(here, report, started)
    with report.part("deploy --all with changed settings"):
        deployment.update(here, report, TASK)
    if here.enforced:
        permissions.used(here, report)
    with report.part("teardown and destroy"):
        execution.wait_for_all(here, TASK)
        approval.teardown(here, report, TASK)
        deployment.destroy(here, report)
        leftovers.check(report, before, leftovers.inventory(here))


if __name__ == "__main__":
    sys.exit(main())
