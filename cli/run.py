"""`trainyard run TASK`: raw data to a registered model, by the compiled definition."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.client import add_on, is_there
from cli.errors import UsageError
from cli.folds import run_all
from cli.options import add_json
from cli.raw_data import COMPANIONS
from cli.results import RAW_DATA
from cli.starting import overridden, raw_data, starter, wants_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.client import Clients
    from cli.results import Source
    from cli.starting import Start


_RAW_FOLDER = "/opt/ml/processing/input/raw"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("task", metavar="TASK", nargs="?", help="a task's name; `trainyard tasks` lists them")
    parser.add_argument(
        "--definition",
        type=Path,
        metavar="FILE.json",
        help="run a pipeline definition of your own in the place of a task's",
    )
    parser.add_argument(
        "--data", type=_path, metavar="PATH", help="raw file or folder; without it, the task's sample"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="set a pipeline parameter; `trainyard tasks --json` lists them (repeatable)",
    )
    parser.add_argument(
        "--schema", type=Path, metavar="S.json", help="types of the data's columns; see `trainyard schema`"
    )
    parser.add_argument("--recipe", type=Path, metavar="R.json", help="how columns become features")
    parser.add_argument(
        "--split", metavar="SPLIT", help="which rows train, such as 70 or 70,random,seed=7 (docs/data.md)"
    )
    parser.add_argument(
        "--folds", type=int, metavar="K", help="cross-validate with K folds first, then run as without"
    )
    parser.add_argument(
        "--resume", metavar="EXECUTION", help="go on with an execution that was killed, stopped or failed"
    )
    add_on(parser)
    add_json(parser)


def _path(text: str) -> Path:
    """Refuse an empty path, which would mean the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty; name a file or folder")
    return Path(text)


def execute(options: argparse.Namespace) -> int:
    """Run or resume, then show the result.

    Returns 0 where the execution succeeded, 2 where its raw data could not be read, else 1.
    """
    _check_usage(options)
    # A polite end from outside stops the jobs and keeps what is done, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not is_there(options.on):
        return _run_here(options)
    if options.definition:
        raise UsageError(
            "--definition runs in this process, on a state directory of which no service takes care; stop "
            "`trainyard up`, name another directory in TRAINYARD_HOME, or use the API's CreatePipeline"
        )
    return _run_through_the_api(options)


def _run_here(options: argparse.Namespace) -> int:
    """Run in this process, on a state directory that no service holds."""
    from cli.progress import Progress
    from local.state import open_state

    with open_state(write=True) as state:
        before = state.last_execution()
        try:
            with Progress() as progress:
                if options.resume:
                    from local.executor import resume

                    _check_task(options, state.describe(options.resume)["pipeline"])
                    execution = resume(state, options.resume, on_event=progress)
                else:
                    execution = run_all(options, starter(state, options, progress), state.describe)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(*_way_on(options, before, state.last_execution())) from None
        return _finish(state, execution, options)


def _way_on(options: argparse.Namespace, before: str | None, newest: str | None) -> list[str]:
    """Say how an interrupted run goes on, where it had begun."""
    if not options.resume and newest == before:
        return []
    if options.folds:
        return ["give the same command again: what is done comes from the step cache"]
    return [f"go on with: trainyard run --resume {options.resume or newest}"]


def _check_task(options: argparse.Namespace, pipeline: str) -> None:
    """Refuse to resume an execution of another task than was named; on AWS, `dev-iris` is of `iris`."""
    if options.task and pipeline != options.task and not pipeline.endswith(f"-{options.task}"):
        raise UsageError(
            f"--resume {options.resume}: it is an execution of {pipeline}, not of {options.task}; "
            f"leave {options.task} out"
        )


def _run_through_the_api(options: argparse.Namespace) -> int:
    """Run by the service that holds the state directory, or by AWS."""
    from cli.client import connect
    from cli.progress import Progress
    from cli.remote import Remote
    from cli.remote_run import follow
    from local.state import default_home

    def follow_to_its_end(arn: str) -> None:
        try:
            follow(remote, arn, progress)
        except KeyboardInterrupt:
            on = "" if options.on == "local" else f" --on {options.on}"
            way = f"it goes on; follow it with: trainyard wait {arn.rpartition('/')[2]}{on}"
            raise KeyboardInterrupt(way) from None

    home = default_home().absolute()
    with connect(options.on) as service:
        remote = Remote(service, home)
        with Progress() as progress:
            if options.resume:
                execution = remote.arn(options.resume)
                _check_task(options, execution.partition(":pipeline/")[2].partition("/")[0])
                service.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
                follow_to_its_end(execution)
            else:
                start = _starter_through_the_api(service, options, home)

                def run_one(values: Mapping[str, str]) -> str:
                    arn = start(values)
                    follow_to_its_end(arn)
                    return arn

                execution = run_all(options, run_one, remote.describe)
        return _finish(remote, execution, options)


def _starter_through_the_api(service: Clients, options: argparse.Namespace, home: Path) -> Start:
    from cli.raw_data import with_companions
    from cli.remote_run import deployed, raw_bucket, start, upload
    from pipeline.definition import resolve_parameters

    pipeline, definition = deployed(service, options.task)
    overrides = overridden(options)
    resolve_parameters(definition, overrides)
    if wants_data(options, overrides):
        with with_companions(raw_data(home, options), home, options.schema, options.recipe) as data:
            overrides[RAW_DATA] = upload(service, data, raw_bucket(definition))
    return lambda values: start(service, pipeline, definition, {**overrides, **values}, None)


def _finish(state: Source, execution: str, options: argparse.Namespace) -> int:
    """Write the report, show the result and return the exit code."""
    from cli.results import raw_data_was_refused, summarise

    summary = summarise(state, execution)
    unreadable = raw_data_was_refused(state, execution)
    report = _report(state, execution)
    if options.json:
        print(json.dumps({**summary, "report": report and str(report)}, indent=2))
    else:
        _show(summary, report)
    if summary["failure_reason"]:
        reason = summary["failure_reason"]
        print(f"trainyard: {_of_the_data(reason, options) if unreadable else reason}", file=sys.stderr)
    return _exit_code(summary, unreadable)


def _report(state: Source, execution: str) -> Path | None:
    """Write the report; a run whose page cannot be written has run all the same."""
    from cli.results import write_report

    try:
        return write_report(state, execution)
    except OSError as error:
        print(f"trainyard: the report was not written: {error.filename}: {error.strerror}", file=sys.stderr)
        return None


def _of_the_data(reason: str, options: argparse.Namespace) -> str:
    """Return what the conversion said of the raw data, about the files that the user knows."""
    said = re.sub(r"^step \S+ failed: AlgorithmError: |, exit code: 2$", "", reason)
    for option, name in COMPANIONS.items():
        given = getattr(options, option)
        if given is not None:
            # The recipe's faults bear its name alone.
            place = rf"({re.escape(_RAW_FOLDER)}/|(?<![\w./-])){re.escape(name)}(?!\w)"
            said = re.sub(place, str(given).replace("\\", r"\\"), said)
    if options.data is None:
        return said
    if options.data.is_dir():
        return said.replace(_RAW_FOLDER, str(options.data))
    return said.replace(f"{_RAW_FOLDER}/{options.data.name}", str(options.data))


def _exit_code(summary: dict[str, Any], unreadable: bool) -> int:
    if summary["status"] == "Succeeded":
        return 0
    return 2 if unreadable else 1


def _check_usage(options: argparse.Namespace) -> None:
    own = ("definition", "data", "set", "schema", "recipe", "split", "folds")
    given = [f"--{name}" for name in own if getattr(options, name)]
    if options.resume and given:
        raise UsageError(
            f"--resume goes on with the execution's own data and parameters; leave out {' and '.join(given)}"
        )
    if options.definition and options.task:
        raise UsageError(f"give either the task {options.task} or --definition {options.definition}")
    if not (options.resume or options.task or options.definition):
        raise UsageError(
            "name a TASK (`trainyard tasks` lists them), --definition FILE.json or --resume EXECUTION"
        )


def _show(summary: dict[str, Any], report: Path | None) -> None:
    """Print the result table, and where the report and the model package are."""
    from cli.display import seconds, show_table
    from cli.folds import show as show_folds

    if summary["cross_validation"]:
        show_folds(summary["cross_validation"])
    if summary["candidates"]:
        show_table(
            ("candidate", "accuracy", "precision", "recall", "F1", "macro F1", ""),
            [
                (
                    name,
                    *(f"{figures[key]:.4f}" for key in ("accuracy", "precision", "recall", "f1", "macro_f1")),
                    "champion" if name == summary["champion"] else "",
                )
                for name, figures in [*summary["candidates"].items(), ("baseline", summary["baseline"])]
                if figures
            ],
            right=(1, 2, 3, 4, 5),
        )
        print()
    package = summary["model_package"]
    if package:
        print(f"Registered  {package['arn']} ({package['approval_status']})")
    if report:
        print(f"Report      {report}")
    print(f"Execution   {summary['execution']} {summary['status']} in {seconds(summary['seconds'])}")
