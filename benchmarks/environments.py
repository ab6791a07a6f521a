"""Environments of peers, below .venvs/: each its own, made by the benchmark that needs it.

`benchmarks/peers/NAME.txt` holds a peer's requirements, pinned. What cannot be installed is reported as
missing, with the installer's reason, and not left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
MNIST = REPOSITORY.parent / "shared" / "data" / "mnist.pkl.gz"
"""The real MNIST, beside the checkout; it is never part of the repository."""

_REQUIREMENTS = Path(__file__).resolve().parent / "peers"
_INSTALL_SECONDS = 1800


class PeerMissingError(Exception):
    """A peer cannot be run here; the text says why in one line."""


def peer_python(name: str, interpreter: str = sys.executable) -> Path:
    """Return the interpreter of a peer's environment; make it where it is missing or its pins have changed.

    Args:
        name: of `benchmarks/peers/NAME.txt`.
        interpreter: what makes it, for a peer that wants another Python than ours.

    Raises:
        PeerMissingError: it cannot be installed.

    """
    requirements = _REQUIREMENTS / f"{name}.txt"
    folder = REPOSITORY / ".venvs" / f"peer-{name}"
    python, done = folder / "bin" / "python", folder / ".ready"
    if done.exists() and done.read_text() == requirements.read_text():
        return python
    print(f"installing {name} into {folder.relative_to(REPOSITORY)}", file=sys.stderr, flush=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    try:
        # A new environment brings an old setuptools or none at all: some peers are built from source.
        _run([interpreter, "-m", "venv", "--clear", str(folder)])
        _run([*pip, "-r", str(requirements)])
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissingError(f"it cannot be installed: {_reason(error)}") from None
    done.write_text(requirements.read_text())
    return python


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment for a measured process: modules are compiled once, as everywhere else."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **more}


def _run(command: list[str]) -> None:
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS, env=clean_environment()
    )


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    text = said.decode() if isinstance(said, bytes) else said
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.lower().startswith("error")), lines[-1])
