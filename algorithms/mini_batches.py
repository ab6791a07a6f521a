"""Shuffled mini-batches from a channel of any length, in bounded memory.

The channel is taken up in windows of at most `WINDOW_BYTES`. A window's rows are copied once into an aligned
buffer, at random places and scaled on the way: the source may be a view of a mapped file whose rows are
neither aligned nor adjacent, which BLAS would copy anew for every product. Mini-batches are then slices of
that buffer. A channel that fits into one window stays there: later epochs read nothing and only draw another
order of the mini-batches. A longer channel is read again for every epoch, and memory stays flat in its rows.

Sparse rows stay CSR and are shuffled within the window alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from algorithms.base import Batch, Channel, CustomerError, Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float32]

WINDOW_BYTES = 256 * 2**20
_BLOCK_BYTES = 2**20
"""Rows are scaled in blocks of about this size, which stay in the second-level cache between the passes."""

Scale = Callable[[Features], Features]
"""Rows in → scaled rows out, in memory of their own: (n, feature_dim) float32, dense C-ordered or CSR."""


class Window:
    """Rows held in memory: features (n, feature_dim) and labels (n,)."""

    def __init__(self, features: Features, labels: Floats) -> None:
        self.features = features
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def slice(self, start: int, stop: int) -> Batch:
        """Rows start … stop - 1 as a view (CSR: a copy of those rows)."""
        return Batch(self.features[start:stop], self.labels[start:stop])


class MiniBatches:
    """Epochs over one channel.

    rows: the mini-batch size; only an epoch's last mini-batch may be shorter.
    seed: of the shuffling; None keeps the channel's order.
    scale: applied to rows as they are taken up; may be set after `head` and before the first epoch.
    """

    def __init__(
        self,
        channel: Channel,
        rows: int,
        *,
        seed: int | None = None,
        window_bytes: int = WINDOW_BYTES,
    ) -> None:
        self._channel = channel
        self._rows = rows
        self._random = None if seed is None else np.random.default_rng(seed)
        self._window_bytes = window_bytes
        self._pass: Iterator[list[Batch]] | None = None
        self._head: list[Batch] | None = None
        self._resident: Window | None = None
        self.scale: Scale | None = None

    def head(self) -> list[Batch]:
        """Return the first window as it came, before scaling; the first epoch goes on from it.

        Holding it here rather than opening a pass of its own matters in Pipe mode, where a pass is a FIFO.
        Raises CustomerError for a channel without rows.
        """
        if self._head is None:
            self._pass = self._windows()
            self._head = next(self._pass, None)
            if self._head is None:
                raise CustomerError(
                    f"The {self._channel.name} channel is empty: it must hold at least one record"
                )
        return self._head

    def epoch(self) -> Iterator[Batch]:
        """One pass over all rows in mini-batches."""
        if self._resident is not None:
            yield from self._slices(self._resident)
            return
        pending: list[Batch] | None = self.head()
        following = self._pass
        assert following is not None
        self._head, self._pass = None, None
        first = True
        while pending is not None:
            window = self._take(pending)
            pending = next(following, None)  # the window is complete: its source batches are free to go
            if first and pending is None:
                self._resident = window
            first = False
            yield from self._slices(window)
            del window

    def _windows(self) -> Iterator[list[Batch]]:
        pieces: list[Batch] = []
        size = 0
        for batch in self._channel.batches(self._rows):
            grown = size + _nbytes(batch)
            if pieces and grown > self._window_bytes:
                yield pieces
                pieces, grown = [], _nbytes(batch)
            pieces.append(batch)
            size = grown
        if pieces:
            yield pieces

    def _take(self, pieces: list[Batch]) -> Window:
        count = sum(len(piece) for piece in pieces)
        order = np.arange(count) if self._random is None else self._random.permutation(count)
        labels = np.empty(count, np.float32)
        start = 0
        for piece in pieces:
            assert piece.labels is not None
            labels[order[start : start + len(piece)]] = piece.labels
            start += len(piece)
        if isinstance(pieces[0].features, np.ndarray):
            return Window(self._take_dense(pieces, order), labels)
        return Window(self._take_sparse(pieces, order), labels)

    def _take_dense(self, pieces: list[Batch], order: npt.NDArray[np.intp]) -> Floats:
        width = pieces[0].features.shape[1]
        features = np.empty((len(order), width), np.float32)
        step = max(1, _BLOCK_BYTES // (4 * width))
        start = 0
        for piece in pieces:
            for low in range(0, len(piece), step):
                block = piece.features[low : low + step]
                places = order[start + low : start + low + len(block)]
                features[places] = np.ascontiguousarray(block) if self.scale is None else self.scale(block)
            start += len(piece)
        return features

    def _take_sparse(self, pieces: list[Batch], order: npt.NDArray[np.intp]) -> csr_matrix:
        from scipy.sparse import vstack

        rows = vstack([piece.features for piece in pieces], format="csr", dtype=np.float32)
        inverse = np.empty_like(order)
        inverse[order] = np.arange(len(order))
        shuffled: csr_matrix = rows[inverse]
        return shuffled if self.scale is None else self.scale(shuffled)

    def _slices(self, window: Window) -> Iterator[Batch]:
        starts = np.arange(0, len(window), self._rows)
        if self._random is not None:
            starts = self._random.permutation(starts)
        for start in starts.tolist():
            yield window.slice(start, start + self._rows)


def _nbytes(batch: Batch) -> int:
    features = batch.features
    if isinstance(features, np.ndarray):
        return int(features.shape[0] * features.shape[1] * 4)
    return int(features.data.nbytes + features.indices.nbytes + features.indptr.nbytes)
