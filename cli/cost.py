"""`trainyard cost TASK`: what a run on AWS would cost, told before it is started. docs/cost.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import UsageError
from cli.options import add_json

if TYPE_CHECKING:
    from cli.forecast import Job, Line, Measured
    from cli.prices import Prices
    from cli.standing import Standing
    from settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    from cli.forecast import STARTUP_SECONDS

    parser.add_argument("task", metavar="TASK", help="a task; `trainyard tasks` lists them")
    parser.add_argument(
        "--env", metavar="ENV", help="take parameters and endpoint from settings/ENV.toml, and price both"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="PARAMETER=VALUE",
        help="set a pipeline parameter, such as TrainingInstanceType=ml.c5.xlarge (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--execution",
        metavar="E",
        help="take the seconds from this execution (default: the newest of each step)",
    )
    prices = parser.add_mutually_exclusive_group()
    prices.add_argument("--prices", type=Path, metavar="FILE", help="price by this table; see docs/cost.md")
    prices.add_argument(
        "--live-prices",
        action="store_true",
        help="ask AWS's Price List, with the credentials that boto3 finds",
    )
    parser.add_argument(
        "--startup", type=_seconds, default=STARTUP_SECONDS, metavar="SECONDS",
        help=f"what a job is billed for before its work begins (default: {STARTUP_SECONDS:g}, an assumption)",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=_factor, default=1.0, metavar="FACTOR",
        help="how many times as fast as this machine the instances work (default: 1, an assumption)",
    )  # fmt: skip
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Price each step of the task, and with --env its endpoint."""
    from cli.forecast import jobs, lines
    from cli.prices import BUNDLED, read
    from pipeline.definition import load, resolve_parameters

    definition = load(options.task)
    prices = read(options.prices or BUNDLED)
    settings = _settings(options.env, options.task) if options.env else None
    parameters = resolve_parameters(definition, _overrides(options, settings))
    wanted = list(jobs(definition, parameters))
    if options.live_prices:
        prices = _live(settings, options.task, wanted, prices)
    elif settings is not None and settings.region != prices.region:
        raise UsageError(
            f"--env {options.env} is in {settings.region}, and {prices.file} has prices of {prices.region}; "
            f"give a table of {settings.region} with --prices FILE, or --live-prices"
        )
    priced = lines(wanted, _times(options, wanted), prices, startup=options.startup, speed=options.speed)
    standing = None
    if settings is not None:
        from cli.standing import standing_cost

        standing = standing_cost(options.task, settings.tasks[options.task].endpoint, prices)
    if options.json:
        print(json.dumps(_as_json(options, prices, priced, standing), indent=2))
    else:
        _show(options, prices, priced, standing)
    return 0


# --- what is priced -----------------------------------------------------------------------------------------


def _settings(environment: str, task: str) -> Settings:
    try:
        import settings
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--env {environment}: settings are read with {error.name}, which is not installed; "
            "pip install 'trainyard[deploy]', or leave --env out"
        ) from None
    try:
        chosen = settings.read(environment)
    except settings.SettingsError as error:
        raise UsageError(str(error)) from None
    if task not in chosen.tasks:
        raise UsageError(f"--env {environment}: no [tasks.{task}] there; it has {', '.join(chosen.tasks)}")
    return chosen


def _live(settings: Settings | None, task: str, wanted: list[Job], otherwise: Prices) -> Prices:
    import boto3

    from cli.price_list import REGION, fetch

    types = {job.instance_type for job in wanted}
    region = otherwise.region
    if settings is not None:
        region = settings.region
        types |= {settings.tasks[task].endpoint.instance_type or ""} - {""}
    return fetch(boto3.client("pricing", region_name=REGION), region, types, otherwise)


def _overrides(options: argparse.Namespace, settings: Settings | None) -> Mapping[str, str]:
    from cli.starting import assignments

    said = settings.tasks[options.task].parameters if settings else {}
    return {**said, **assignments(options.set)}


def _times(options: argparse.Namespace, wanted: list[Job]) -> Mapping[str, Measured]:
    from cli.forecast import measured
    from cli.source import source

    with source("local") as state:
        if options.execution:
            chosen = state.describe(options.execution)
            if chosen["pipeline"] != options.task:
                raise UsageError(
                    f"--execution {options.execution} is one of {chosen['pipeline']}, not of {options.task}"
                )
            executions = [chosen["execution"]]
        else:
            executions = [row["execution"] for row in state.executions(options.task)]
        found = measured(wanted, executions, state.describe)
    missing = [job.step for job in wanted if job.step not in found]
    if missing:
        where = (
            f"execution {options.execution}" if options.execution else f"no execution of {options.task} here"
        )
        ran = "did not get through" if options.execution else "has got through"
        raise UsageError(
            f"{where} {ran} {', '.join(missing)}, so that nothing is known of the time; "
            f"run it once: trainyard run {options.task}"
        )
    return found


def _seconds(text: str) -> float:
    return _number(text, "seconds, 0 or more", lambda value: value >= 0)


def _factor(text: str) -> float:
    return _number(text, "a number above 0, such as 1.5", lambda value: value > 0)


def _number(text: str, wanted: str, allowed: Any) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (allowed(value) and value < float("inf")):
        raise argparse.ArgumentTypeError(f"{text!r}: give {wanted}")
    return value


# --- how it is told -----------------------------------------------------------------------------------------


def _assumptions(options: argparse.Namespace) -> list[str]:
    return [
        f"an instance works {options.speed:g} × as fast as this machine, on the same data (--speed)",
        f"each job is billed for {options.startup:g} s before its work begins, and not for the wait for "
        "instances (--startup)",
        "nothing comes from SageMaker's step cache, nothing fails and is tried again",
        "not included: volumes of jobs, S3, KMS, logs, requests, taxes, discounts",
    ]


def _as_json(
    options: argparse.Namespace, prices: Prices, priced: list[Line], standing: Standing | None
) -> dict[str, Any]:
    return {
        "task": options.task,
        "environment": options.env,
        "currency": "USD",
        "usd": sum(line.usd for line in priced),
        "steps": [
            {
                "name": line.job.step,
                "type": line.job.type,
                "seconds": line.measured.seconds,
                "execution": line.measured.execution,
                "instance_type": line.job.instance_type,
                "instances": line.job.instances,
                "billed_seconds": line.billed_seconds,
                "usd_per_hour": line.usd_per_hour,
                "usd": line.usd,
            }
            for line in priced
        ],
        "endpoint": standing and standing.as_json(),
        "prices": {
            "file": prices.file,
            "region": prices.region,
            "date": prices.date,
            "status": prices.status,
            "source": prices.source,
        },
        "assumptions": _assumptions(options),
    }


def _show(options: argparse.Namespace, prices: Prices, priced: list[Line], standing: Standing | None) -> None:
    from cli.display import seconds, show_table

    rows = [
        (
            line.job.step,
            seconds(line.measured.seconds),
            f"{line.job.instances} × {line.job.instance_type}",
            seconds(line.billed_seconds),
            f"{line.usd_per_hour:g}",
            f"{line.usd:.4f}",
        )
        for line in priced
    ]
    total = ("one run", "", "", "", "", f"{sum(line.usd for line in priced):.4f}")
    show_table(("step", "here", "on AWS", "billed", "USD/h", "USD"), [*rows, total], right=(1, 3, 4, 5))
    print(f"\nseconds from {', '.join(dict.fromkeys(line.measured.execution for line in priced))}")
    if standing is not None:
        print(f"endpoint, once a model is approved: {standing.text}")
    print(f"prices of {prices.region}, {prices.date}, {prices.status}: {prices.source}")
    for assumption in _assumptions(options):
        print(f"assumed: {assumption}" if not assumption.startswith("not") else assumption)
