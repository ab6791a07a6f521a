"""Vowpal Wabbit, one model: `python -m benchmarks.peers.vowpal_wabbit_training FOLDER`.

All its passes read its own binary cache, which is written before: parsing text is not timed. Its defaults but
for the hinge loss, which finds more than the logistic one here, and for the hold-out, so that all rows train.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from vowpalwabbit import Workspace

from benchmarks.peers.turns import split, take_turns

PASSES = 15


def write_cache(data: Path, name: str, folder: Path) -> Path:
    """Write a split as text (only non-zeros; label 1 for the images of 0, else -1), then as a cache."""
    text, cache = folder / f"{name}.txt", folder / f"{name}.cache"
    with text.open("w") as file:
        for row, label in zip(*split(data, name), strict=True):
            columns = np.flatnonzero(row)
            pairs = zip(columns.tolist(), row[columns].tolist(), strict=True)
            file.write(f"{1 if label == 0 else -1} | {' '.join(f'{at}:{value}' for at, value in pairs)}\n")
    Workspace(f"--data {text} --cache_file {cache} --kill_cache --passes 1 --quiet").finish()
    text.unlink()
    return cache


def main() -> None:
    """Write the caches, then take turns."""
    data = Path(sys.argv[1])
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        learn, look = (write_cache(data, name, folder) for name in ("train", "test"))
        model, scores = folder / "model", folder / "scores"

        def train() -> Path:
            Workspace(
                f"--cache_file {learn} --passes {PASSES} --holdout_off --loss_function hinge "
                f"--final_regressor {model} --quiet"
            ).finish()
            return model

        def predict(regressor: Path) -> Any:
            Workspace(
                f"--cache_file {look} --passes 1 --testonly --initial_regressor {regressor} "
                f"--predictions {scores} --quiet"
            ).finish()
            return (np.loadtxt(scores) > 0).astype(np.float32)

        take_turns(train, predict)


if __name__ == "__main__":
    main()
