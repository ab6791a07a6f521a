"""Files that options name, checked before they are worked on."""

from __future__ import annotations

import os
from pathlib import Path

from cli.errors import UsageError


def readable_file(path: Path, option: str = "") -> None:
    """Refuse what is no file that can be read.

    Args:
        path: the file.
        option: what named it, such as `--data`; nothing where it is an argument by itself.

    Raises:
        UsageError: there is none, it is a folder, or its permissions are in the way.

    """
    named = f"{option} {path}".strip()
    if path.is_dir():
        raise UsageError(f"{named}: it is a folder; name a file")
    if not path.is_file():
        raise UsageError(f"{named}: no such file")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{named}: not readable by this user; check its permissions")
