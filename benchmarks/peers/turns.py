"""The peer's side of a training in turns: train when told to, time it, answer.

The other side is benchmarks/peer_process.py. This one is run by the peer's own interpreter, Python 3.6 among
them: no later syntax here.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Tuple  # noqa: UP035 - Python 3.6 knows no other

import numpy as np


def split(folder: Path, name: str) -> Tuple[Any, Any]:  # noqa: UP006 - likewise
    """Return features (n, 784) float32 and labels (n,) float32, digits 0 to 9, of `train` and the like."""
    return np.load(str(folder / f"{name}_features.npy")), np.load(str(folder / f"{name}_labels.npy"))


def take_turns(train: Callable[[], Any], predict: Callable[[Any], Any]) -> None:
    """Say that everything is loaded; for each line on standard input, a path, train and answer.

    Args:
        train: does the whole training again and returns the model; it alone is timed.
        predict: gives the model's labels (n,) of the test images, which go to that path with `numpy.save`.

    """
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        model = train()
        elapsed = time.perf_counter() - started
        np.save(line.strip(), np.asarray(predict(model)))
        print(json.dumps({"seconds": elapsed}), flush=True)
