"""From the catalogue to the committed definitions: the SDK's output, byte for byte the same each time.

The SDK runs in a child process whose environment holds nothing of the user's: no account, no profile, no
region, no settings file could find their way into a definition, and there is nothing to reach a network with.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.definition import DEFINITIONS, IMAGES_FILE, Change, diff

_ROOT = Path(__file__).parent.parent

# The SDK refuses to be imported without a region and to sign without keys; these lead nowhere.
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "SAGEMAKER_VALIDATE_ROLE": "false",
    "HOME": os.devnull,
    "XDG_CONFIG_DIRS": os.devnull,
    "PYTHONUTF8": "1",
}


class CompileError(RuntimeError):
    """The definitions could not be built; the message says why and the cure."""


@dataclass(frozen=True)
class Compiled:
    """One file of definitions, compared with what is on disk.

    Attributes:
        path: the file.
        status: current (the same bytes), new, stale (other content), or surplus (no task asks for it).
        changes: what differs in content, if the file was there before; empty when only the layout does.

    """

    path: Path
    status: Literal["current", "new", "stale", "surplus"]
    changes: Sequence[Change] = field(default_factory=tuple)

    @property
    def is_current(self) -> bool:
        """Whether the file on disk is, byte for byte, what the catalogue compiles to."""
        return self.status == "current"


def compile_tasks(directory: Path = DEFINITIONS, *, check: bool = False) -> list[Compiled]:
    """Build all tasks and bring `directory` up to date, or with `check` only say how far it is from that.

    Returns:
        One entry per file, as it was before; with `check`, fail unless all of them are current.

    Raises:
        CompileError: the SDK is missing or failed, or a definition does not pass `pipeline.lint`.

    """
    documents = built_documents()
    compiled = compare(documents, directory)
    if not check:
        write(documents, directory)
    return compiled


def compare(documents: Mapping[str, Mapping[str, Any]], directory: Path) -> list[Compiled]:
    """Say how the files in `directory` differ from what they should be: name without suffix → content."""
    surplus = [path for path in sorted(directory.glob("*.json")) if path.stem not in documents]
    return [
        *(_compare(directory / f"{name}.json", documents[name]) for name in sorted(documents)),
        *(Compiled(path, "surplus") for path in surplus),
    ]


def write(documents: Mapping[str, Mapping[str, Any]], directory: Path) -> None:
    """Make the files in `directory` these documents and no others."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry in compare(documents, directory):
        if entry.status == "surplus":
            entry.path.unlink()
        elif not entry.is_current:
            # By rename, so that a run that reads it meanwhile sees the old file or the new one.
            draft = entry.path.with_suffix(".draft")
            draft.write_bytes(as_text(documents[entry.path.stem]).encode())
            draft.replace(entry.path)


def built_documents() -> dict[str, dict[str, Any]]:
    """Return task → linted definition, and under "images" the table of images."""
    output = build()
    # Here and not above: the checks need botocore, which comes with the SDK.
    from pipeline.lint import lint

    findings = {task: lint(document) for task, document in output["definitions"].items()}
    listed = [f"{task}: {finding}" for task, found in findings.items() for finding in found]
    if listed:
        raise CompileError("the definitions would be refused:\n" + "\n".join(listed))
    return {**output["definitions"], Path(IMAGES_FILE).stem: output["images"]}


def build(arguments: Sequence[str] = ("-m", "pipeline.build")) -> dict[str, Any]:
    """Run the SDK in a child process and return what it prints: {"definitions": …, "images": …}.

    Args:
        arguments: what Python is to run; another catalogue can be built with `-c`.

    """
    if importlib.util.find_spec("sagemaker") is None:
        raise CompileError(
            "the SageMaker SDK is not installed; it is needed to write definitions, not to run them: "
            "pip install -r requirements-dev.txt"
        )
    child = subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, env=_ENVIRONMENT, capture_output=True, text=True
    )
    if child.returncode != 0:
        raise CompileError(f"the SageMaker SDK failed to build the pipelines:\n{child.stderr.strip()}")
    output = json.loads(child.stdout)
    assert isinstance(output, dict)
    return output


def as_text(document: Mapping[str, Any]) -> str:
    """Return a document as it is committed: the SDK's order of keys, two spaces, one newline at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _compare(path: Path, document: Mapping[str, Any]) -> Compiled:
    if not path.exists():
        return Compiled(path, "new")
    present = path.read_bytes()
    if present == as_text(document).encode():
        return Compiled(path, "current")
    try:
        before = json.loads(present)
    except ValueError:
        before = {}
    return Compiled(path, "stale", diff(before, document))
