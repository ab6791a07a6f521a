"""A channel whose rows are arrays in memory, for training without a container's folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Features


@dataclass
class ArrayChannel:
    """Rows in memory, as `algorithms.base.Channel` gives them.

    features: (n, feature_dim) float32, dense or CSR. labels: (n,) float32.
    """

    features: Features
    labels: npt.NDArray[np.float32]
    name: str = "train"

    @property
    def feature_dim(self) -> int:
        """The width of the rows."""
        return int(self.features.shape[1])

    @property
    def sparse(self) -> bool:
        """Whether the rows are sparse."""
        return not isinstance(self.features, np.ndarray)

    def batches(self, rows: int) -> Iterator[Batch]:
        """One pass in batches of `rows`; only the last may be shorter."""
        for start in range(0, len(self.labels), rows):
            yield Batch(self.features[start : start + rows], self.labels[start : start + rows])
