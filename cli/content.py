"""What is in a file that is sent to a model, by its name."""

from __future__ import annotations

from pathlib import Path

from cli.errors import UsageError

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".jsonlines": "application/jsonlines",
    ".pbr": "application/x-recordio-protobuf",
    ".recordio": "application/x-recordio-protobuf",
}


def content_type(path: Path, given: str | None = None) -> str:
    """Return the content type that was given, or else what the file's name says.

    Raises:
        UsageError: nothing was given and the name says nothing.

    """
    found = given or CONTENT_TYPES.get(path.suffix.lower())
    if found is None:
        known = ", ".join(CONTENT_TYPES)
        raise UsageError(f"{path}: its name does not say what is in it ({known} do); give --content-type")
    return found


def read(path: Path, option: str) -> bytes:
    """Return a file's content.

    Raises:
        UsageError: it cannot be read.

    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}") from None
