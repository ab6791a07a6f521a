"""Random projections to fewer dimensions that nearly keep distances (Johnson-Lindenstrauss).

`sign`: x ↦ x R / √t with R of random signs, shape (d, t) (Achlioptas 2003): O(d t) a row.
`fjlt`: x ↦ t coordinates, drawn at random, of the Walsh-Hadamard transform of x with random signs, times
√(1 / t) (Ailon and Chazelle 2009, in the subsampled form): O(p log p) a row, p the power of two from d up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]

KINDS = ("sign", "fjlt")


class Projection:
    """One drawn projection; `signs` int8 and, for fjlt, `picked` int64 are all that there is to store.

    signs: shape (d, t) for sign, (d,) for fjlt, values ±1. picked: shape (t,), coordinates below p.
    """

    def __init__(self, kind: str, signs: npt.NDArray[np.int8], picked: npt.NDArray[np.int64] | None) -> None:
        self.kind = kind
        self.signs = signs
        self.picked = picked
        self._factors = signs.astype(np.float32)

    @classmethod
    def draw(cls, kind: str, dimension: int, target: int, seed: int) -> Projection:
        """Draw one from `dimension` features to `target`."""
        random = np.random.default_rng(seed)
        shape = (dimension, target) if kind == "sign" else (dimension,)
        signs = (random.integers(0, 2, size=shape, dtype=np.int8) * 2 - 1).astype(np.int8)
        if kind == "sign":
            return cls(kind, signs, None)
        picked = random.choice(_power_of_two(dimension), size=target, replace=False)
        return cls(kind, signs, np.sort(picked).astype(np.int64))

    @classmethod
    def checked(
        cls, kind: str, dimension: int, signs: npt.NDArray[Any], picked: npt.NDArray[Any] | None
    ) -> Projection:
        """Take over arrays that are not trusted; ValueError when they do not project `dimension` features."""
        axes = 2 if kind == "sign" else 1
        if signs.dtype != np.int8 or signs.ndim != axes or len(signs) != dimension or not signs.size:
            raise ValueError(f"'signs' is {signs.dtype} {signs.shape}, not signs for {dimension} features")
        if kind == "sign":
            return cls(kind, signs, None)
        if picked is None or picked.dtype != np.int64 or picked.ndim != 1 or not len(picked):
            raise ValueError("'picked' is no list of coordinates")
        if picked.min() < 0 or picked.max() >= _power_of_two(dimension):
            raise ValueError(f"'picked' names coordinates beyond {_power_of_two(dimension)}")
        return cls(kind, signs, picked)

    @property
    def target(self) -> int:
        """The number of dimensions that are left."""
        return int(self.signs.shape[1]) if self.picked is None else len(self.picked)

    def apply(self, features: Any) -> Rows:
        """Project rows, dense or CSR, of shape (n, d) to a dense (n, target)."""
        if self.picked is None:
            projected: Rows = np.asarray(features @ self._factors, dtype=np.float32)
            return projected / np.float32(np.sqrt(self.target))
        dense = features if isinstance(features, np.ndarray) else features.toarray()
        padded = np.zeros((len(dense), _power_of_two(dense.shape[1])), dtype=np.float32)
        np.multiply(dense, self._factors, out=padded[:, : dense.shape[1]])
        return _walsh_hadamard(padded)[:, self.picked] / np.float32(np.sqrt(self.target))


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _walsh_hadamard(rows: Rows) -> Rows:
    """Transform each row (its length a power of two), unscaled: norms grow by √length."""
    count, length = rows.shape
    half = 1
    while half < length:
        pairs = rows.reshape(count, length // (2 * half), 2, half)
        rows = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
        half *= 2
    return rows.reshape(count, length)
