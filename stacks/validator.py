"""CloudFormation's own validation in a process of its own: `python -m stacks.validator`.

Compiling its rules takes longer than making all stacks, and the CDK does it when they are made, on one core.
Started first (`start`), this process compiles them meanwhile, with the CDK's own public plugin. It then
answers each line on its standard input, templates with their stacks, by one line: the plugin's report.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, TextIO


class ValidatorError(RuntimeError):
    """The process ended without an answer; what it said is on the standard error."""


class Validator:
    """The process. `version` and `ask` wait until its rules are compiled."""

    def __init__(self) -> None:
        # Ended in the middle of its work, it would leave behind what the CDK has unpacked.
        self._folder = tempfile.TemporaryDirectory(prefix="trainyard-validator-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stacks.validator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": self._folder.name},
        )
        self._version: str | None = None
        atexit.register(self.stop)

    @property
    def version(self) -> str:
        """The version of CloudFormation's rules."""
        if self._version is None:
            self._version = str(self._answer())
        return self._version

    def ask(self, stacks: Sequence[dict[str, str | None]]) -> dict[str, Any]:
        """Return the report on templates: `success` and `violations`.

        Args:
            stacks: the properties of the CDK's PolicyValidationStack, one a template.

        Raises:
            ValidatorError: the process has ended.

        """
        assert self.version
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either, which says why
            self._process.stdin.write(json.dumps(stacks) + "\n")
            self._process.stdin.flush()
        report: dict[str, Any] = self._answer()
        return report

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        atexit.unregister(self.stop)
        self._process.terminate()
        self._process.communicate()
        self._folder.cleanup()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ValidatorError(
                f"CloudFormation's validation ended with exit code {self._process.wait()}; "
                "CDK_VALIDATION=false leaves it out"
            )
        return json.loads(line)


def wanted() -> bool:
    """Return whether templates are to be validated; the CDK's command line passes its option on so."""
    return os.environ.get("CDK_VALIDATION") != "false"


@cache
def start() -> Validator:
    """Return this process's validator; the first call starts it."""
    return Validator()


def serve(requests: TextIO, answers: TextIO) -> None:
    """Compile the rules, tell their version, answer until there are no more requests."""
    from stacks import node

    node.provide()
    from stacks.validation import report_on, rules

    compiled = rules()
    print(json.dumps(compiled.version), file=answers, flush=True)
    for line in requests:
        print(json.dumps(report_on(compiled, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
