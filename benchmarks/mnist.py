"""The real MNIST as the benchmarks use it: arrays, and jobs over the channels that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from algorithms.base import RECORDIO, Algorithm, Model
from algorithms.channel_config import ChannelConfig
from algorithms.channels import InputChannel
from algorithms.logs import MetricLog
from processing.readers.mnist_pickle import read_mnist_pickle
from processing.recordio import write_numpy_to_dense_tensor

Floats = npt.NDArray[np.float32]

PIXELS = 784


class Split(NamedTuple):
    """features (n, 784) and labels (n,), float32, contiguous."""

    features: Floats
    labels: Floats

    def some(self, rows: slice) -> Split:
        """Return some of the rows."""
        return Split(np.ascontiguousarray(self.features[rows]), self.labels[rows])


def read(data: Path) -> dict[str, Split]:
    """Read train (50,000 images), validation and test (10,000 each); labels 0 to 9."""
    return {
        name: Split(np.ascontiguousarray(split.features, np.float32), split.labels.astype(np.float32))
        for name, split in read_mnist_pickle(data).splits.items()
    }


def write_channels(folder: Path, splits: Mapping[str, Split]) -> Path:
    """Write each split as a recordIO file where a job finds its channel; return the folder."""
    for name, split in splits.items():
        path = channel_file(folder, name)
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_numpy_to_dense_tensor(file, split.features, split.labels)
    return folder


def channel_file(folder: Path, name: str) -> Path:
    """Return where the file of a channel lies."""
    return folder / name / "data.pbr"


def train(algorithm: Algorithm, given: Mapping[str, str], folder: Path) -> Model:
    """Train as a container does it: from the channels below `folder`, but for `test`, to a model."""
    values = algorithm.hyperparameters.parse(given)
    channels = {
        name: InputChannel(
            ChannelConfig(name, RECORDIO, pipe=False, gzip=False),
            folder,
            label_rule=algorithm.label_rule(values),
            feature_dim=None,
        )
        for name in algorithm.channels
        if name != "test"
    }
    return algorithm.train(values, channels, MetricLog(StringIO()))
