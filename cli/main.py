"""`trainyard`: parses the command line and hands over to one module a command.

Exit codes: 0 succeeded, 1 the execution failed (a step, or the quality gate) or a job did, 2 wrong usage or
unreadable input, 130 interrupted. One clear line on standard error says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "tasks": "list the tasks: their data, label and candidates",
    "up": "serve the SageMaker API, the runtime and the scheduler on this machine",
    "run": "run a task's pipeline from raw data to a registered model",
    "wait": "show the progress of an execution until it is over",
    "executions": "list executions, newest first",
    "describe": "show one execution: its steps, why each was or was not cached, and its logs",
    "models": "list registered model packages, newest first",
    "report": "write the HTML report of an execution",
    "approve": "approve a model package, so that an endpoint serves it",
    "reject": "reject a model package, so that the version before it is served",
    "endpoints": "list endpoints: what they serve, and until when",
    "invoke": "send a file to an endpoint and print its answer",
    "predict": "answer every row of a file with the newest approved model",
    "teardown": "remove what serves a task: endpoint, configurations, models",
    "cost": "say what a run on AWS would cost, from the seconds measured here",
    "permissions": "print what each role of a task may do, and which step and field asked for it",
    "schema": "infer the schema of a CSV file: the type of each column, and the target",
    "compile": "write pipeline/definitions/*.json from the SageMaker SDK's definition of each task",
}
"""Command → its line in `trainyard --help`; the module `cli.COMMAND` implements it."""

CURES = {
    "NoCredentialsError": "name a profile in AWS_PROFILE (`aws configure` makes one), or set "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "NoRegionError": "name one in AWS_DEFAULT_REGION, or a profile that has one in AWS_PROFILE",
}
"""What botocore's errors leave for the user to find out."""


def build_parser(wanted: str | None) -> argparse.ArgumentParser:
    """Return the parser; only the wanted command's module is imported, so that start-up stays light."""
    parser = argparse.ArgumentParser(
        prog="trainyard",
        description="SageMaker's built-in algorithms as a production line, on one machine and on AWS.",
        epilog="State lives under ./.trainyard, or where TRAINYARD_HOME points.",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == wanted:
            module = import_module(f"cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(execute=module.execute, refuse=subparser.error)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        options, unknown = build_parser(wanted).parse_known_args(arguments)
        if unknown:  # refused by the command, whose usage the user wants to see
            options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        code: int = options.execute(options)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        return _complain("; ".join(["interrupted", *map(str, interrupt.args)]), 130)
    except BrokenPipeError:
        # The reader went away (`trainyard executions | head`); Python would complain once more at exit.
        _silence_stdout()
        return 0
    except Exception as error:
        if _is_for_the_user(error):
            return _complain(_with_cure(error), _exit_code(error))
        if isinstance(error, OSError):
            # The machine's doing (a full disk, a folder that may not be written), and no fault of ours.
            _silence_stdout()
            return _complain(f"{error.filename or 'standard output'}: {error.strerror or error}", 1)
        raise


def _silence_stdout() -> None:
    """Keep the interpreter from writing what is left in the buffer, and failing once more, as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(error: Exception) -> int:
    from cli.errors import JobFailedError
    from local.errors import DiskFullError

    return 1 if isinstance(error, DiskFullError | JobFailedError) else 2


def _is_for_the_user(error: Exception) -> bool:
    """Tell an error that speaks to the user from a fault of ours, which keeps its traceback."""
    from cli.errors import JobFailedError, UsageError
    from local.errors import LocalError
    from pipeline.definition import DefinitionError

    known = UsageError | JobFailedError | LocalError | DefinitionError
    return isinstance(error, known) or _is_an_answer(error)


def _is_an_answer(error: Exception) -> bool:
    """Tell what boto3 says of a request: refused, not sent, or without credentials.

    Such an error can only be where botocore is loaded; to load it for the question would take half a second.
    """
    botocore = sys.modules.get("botocore.exceptions")
    return botocore is not None and isinstance(error, botocore.ClientError | botocore.BotoCoreError)


def _with_cure(error: Exception) -> str:
    cure = CURES.get(type(error).__name__)
    return f"{str(error).rstrip('.')}; {cure}" if cure else str(error)


def _complain(text: str, code: int) -> int:
    print(f"trainyard: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
