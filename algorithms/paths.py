"""Where the container contract puts things: below `/opt/ml`, or below `SAGEMAKER_BASE_DIR` if set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = "model_algo-1"


@dataclass(frozen=True)
class Paths:
    """The contract's files and folders below one base directory."""

    base: Path

    @property
    def config(self) -> Path:
        """`hyperparameters.json`, `inputdataconfig.json` and `resourceconfig.json` are here."""
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        """Channels: a folder each (File mode) or FIFOs named CHANNEL_EPOCH (Pipe mode)."""
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        """The model artifact, written by training and read by serving."""
        return self.base / "model" / MODEL_FILE

    @property
    def unfinished_model(self) -> Path:
        """Where the model is written before it is renamed: outside `model/`, lest half of it be uploaded."""
        return self.base / "output" / f".{MODEL_FILE}.unfinished"

    @property
    def failure(self) -> Path:
        """Why the job failed, one line."""
        return self.base / "output" / "failure"


def container_paths() -> Paths:
    """Return the paths of this process's container."""
    return Paths(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")))
