"""How approved models are served on this machine: `endpoints.toml` in the state directory.

Its shape is what the approval function reads on AWS: model package group → table of settings. A group without
a table is served with the defaults.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from local.arns import ACCOUNT
from local.errors import LocalError

FILE = "endpoints.toml"

_DEFAULTS = {
    # Alarms look at every request here; on AWS they need minutes to see enough of them.
    "bake_seconds": 2,
    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/trainyard-model",
}
_WAIT_SECONDS = 240
"""How long the approval function may wait for an endpoint: less than functions may take here."""


def function_variables(home: Path) -> dict[str, str]:
    """Return the approval function's variables.

    Raises:
        LocalError: the file is no TOML.

    """
    path = home / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        tables = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{path} is not TOML: {error}") from None
    tables["*"] = {**_DEFAULTS, **tables.get("*", {})}
    return {"TRAINYARD_ENDPOINTS": json.dumps(tables), "TRAINYARD_WAIT_SECONDS": str(_WAIT_SECONDS)}
