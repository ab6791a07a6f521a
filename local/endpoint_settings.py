"""How approved models are served on this machine, as the approval function reads it on AWS: group → table.

The tables are those of the environment's settings with which `trainyard up` was started last, and over them
those of `endpoints.toml` in the state directory. A group without a table is served with the defaults.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.arns import ACCOUNT
from local.errors import LocalError

FILE = "endpoints.toml"
_KEPT = "endpoints.json"

_DEFAULTS = {
    # Alarms look at every request here; on AWS they need minutes to see enough of them.
    "bake_seconds": 2,
    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/trainyard-model",
}
_WAIT_SECONDS = 240
"""How long the approval function may wait for an endpoint: less than functions may take here."""


def keep(home: Path, tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the endpoints of an environment's settings: task → table, with its `endpoint`.

    Networks are left out, since there are none here.
    """
    tables = {task: _table(chosen["endpoint"]) for task, chosen in tasks.items() if "endpoint" in chosen}
    (home / _KEPT).write_text(json.dumps(tables, indent=2), encoding="utf-8")


def _table(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: value for key, value in endpoint.items() if key != "in_vpc"}
    # In an environment's settings an endpoint without a time to live stays.
    return {"time_to_live_hours": None, **named}


def tables(home: Path) -> dict[str, Any]:
    """Return how each group is served: what is kept, then what `endpoints.toml` says over it.

    Raises:
        LocalError: a file of settings cannot be read.

    """
    kept = home / _KEPT
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    found |= _read(home / FILE)
    found["*"] = {**_DEFAULTS, **found.get("*", {})}
    return found


def function_variables(home: Path) -> dict[str, str]:
    """Return the approval function's variables; one names a file that is written with what holds now.

    Raises:
        LocalError: a file of settings cannot be read.

    """
    path = home / "functions" / _KEPT
    path.parent.mkdir(parents=True, exist_ok=True)
    # Functions run side by side, and none may read a file half-written.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as staged:
        json.dump(tables(home), staged, indent=2)
    Path(staged.name).replace(path)
    return {"TRAINYARD_ENDPOINTS": str(path), "TRAINYARD_WAIT_SECONDS": str(_WAIT_SECONDS)}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{path} is not TOML: {error}") from None
