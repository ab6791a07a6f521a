"""Where the service of a state directory listens, told in a file there."""

from __future__ import annotations

import json
import os
from pathlib import Path

from local.state import holder

_FILE = "service.json"


def announce(home: Path, url: str) -> None:
    """Tell the address; it holds as long as this process has the state directory's lock."""
    path = home / _FILE
    staged = path.with_suffix(".new")
    staged.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    staged.replace(path)


def withdraw(home: Path) -> None:
    """Take the address back."""
    (home / _FILE).unlink(missing_ok=True)


def running_url(home: Path) -> str | None:
    """Return the address of the service that holds a state directory, or None where none does."""
    try:
        told = json.loads((home / _FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return str(told["url"]) if told["pid"] == holder(home) else None
