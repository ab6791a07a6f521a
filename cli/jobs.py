"""Runs the entry points of `processing` for the command line: the same jobs, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.errors import JobFailedError, UsageError

INPUT_IS_TO_BLAME = 2
"""The exit code of a processing job whose input or arguments are wrong."""
TRACEBACK = "Traceback (most recent call last)"


def run_job(
    module: str, folder: Path, inputs: Mapping[str, Mapping[str, Path]], arguments: Sequence[str] = ()
) -> Path:
    """Run `python -m processing.MODULE` with `folder` for its `/opt/ml`; return its output folder.

    Args:
        module: the entry point.
        folder: an empty folder, or one that does not exist.
        inputs: input name → file name as the job sees it → file.
        arguments: what the container's arguments would be.

    Raises:
        UsageError: the job refused its input; the text is the job's message.
        JobFailedError: it failed for another reason, which the text says.
        RuntimeError: it failed by a fault of ours, whose traceback is the text.

    """
    root = folder / "processing"
    for name, files in inputs.items():
        (root / "input" / name).mkdir(parents=True)
        for seen, file in files.items():
            (root / "input" / name / seen).symlink_to(file.resolve())
    done = subprocess.run(
        [sys.executable, "-m", f"processing.{module}", *arguments],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    said = done.stderr
    raw = {f"{root}/input/raw/{seen}": str(file) for seen, file in inputs.get("raw", {}).items()}
    for place in sorted(raw, key=len, reverse=True):  # x.csv begins the name of x.csv.schema
        said = said.replace(place, raw[place])
    said = said.replace(str(folder), "/opt/ml").strip()
    last = said.splitlines()[-1] if said else f"{module} ended with exit code {done.returncode}"
    if done.returncode == INPUT_IS_TO_BLAME:
        raise UsageError(last)
    if TRACEBACK in said:
        raise RuntimeError(f"processing.{module} ended with exit code {done.returncode}: {said}")
    if done.returncode:
        raise JobFailedError(last)
    if said:
        print(said, file=sys.stderr)
    return root / "output"
