"""Shuffled mini-batches from a channel of any length, in bounded memory.

The channel is taken up in windows of at most `WINDOW_BYTES` and `WINDOW_ROWS`. A window's rows are copied
once into an aligned buffer, at random places and scaled on the way: the source may be a view of a mapped
file whose rows are neither aligned nor adjacent. Mini-batches are then slices of that buffer; where rows of
one mapped file are neither shuffled nor scaled, of the file itself. A channel that fits into one window stays
there: later epochs read nothing and only draw another order of the mini-batches.

A dense window of more than `MEMORY_BYTES`, and every one of several, lies in scratch files
(`algorithms.scratch`) with its labels, so that memory stays flat in the rows: what a window's rows take of
it is the order while it is shuffled, 8 bytes each. Up to `KEPT_BYTES` of such windows stay for later epochs,
too. A longer channel is read again for every epoch. Windows of sparse rows lie in scratch files whatever
their size (`algorithms.sparse_windows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from algorithms.base import Batch, Channel, CustomerError, Features
from algorithms.pieces import MEMORY_BYTES, Pieces, nbytes
from algorithms.scratch import Segment, follows, is_mapped
from algorithms.sparse_windows import Laid, Slices, gathered, labels_in_scratch
from algorithms.two_threads import share

Floats = npt.NDArray[np.float32]

WINDOW_BYTES = 256 * 2**20
WINDOW_ROWS = 2**18
"""Of narrow rows, 256 MiB are millions, whose order would take more memory than all else."""
_BLOCK_BYTES = 2**20
"""Rows are scaled in blocks of about this size, which stay in the second-level cache between the passes."""
KEPT_BYTES = 4 * 2**30
"""How much disk the windows of one channel may take between epochs."""

_PIECE_BYTES = 4 * 2**20
_LEAST_PART = 8
"""Pieces are at least such a part of what they may be."""
_INVERTED = 2**16
"""Rows of an order inverted at a time."""

Scale = Callable[[Features], Features]
"""Rows in → scaled rows out, in memory of their own: (n, feature_dim) float32, dense C-ordered or CSR."""


class Window:
    """Rows held in memory: features (n, feature_dim) and labels (n,)."""

    def __init__(self, features: Features, labels: Floats) -> None:
        self.features = features
        self.labels = labels
        self._sparse = None if isinstance(features, np.ndarray) else Slices(features)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_scratch(self) -> bool:
        """Whether its rows lie in scratch files."""
        return is_mapped(self.features if isinstance(self.features, np.ndarray) else self.features.data)

    @property
    def nbytes(self) -> int:
        """What its rows take."""
        return nbytes(self.features)

    def slice(self, start: int, stop: int) -> Batch:
        """Rows start … stop - 1 as a view."""
        labels = self.labels[start:stop]
        if self._sparse is not None:
            return Batch(self._sparse.of(start, start + len(labels)), labels)
        return Batch(self.features[start:stop], labels)


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
        self._pass: Iterator[Pieces] | None = None
        self._head: Pieces | None = None
        self._resident: list[Window] = []
        self.scale: Scale | None = None

    def head(self) -> list[Batch]:
        """Return the first window as it came, before scaling; the first epoch goes on from it and empties it.

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
        return self._head.batches

    def resident(self) -> bool:
        """Return whether all rows are here from now on, so that no epoch reads the channel.

        A channel of one window is taken up for that.
        """
        if self._head is not None and self._head.last:
            self._resident = [self._take(self._head, alone=True)]
            self._head, self._pass = None, None
        return bool(self._resident)

    @property
    def count(self) -> int:
        """How many rows a resident channel has."""
        return sum(map(len, self._resident))

    def epoch(self, rows: int | None = None) -> Iterator[Batch]:
        """One pass over all rows in mini-batches, or in batches of `rows`."""
        rows = rows or self._rows
        if self._resident:
            for place in self._order(len(self._resident)).tolist():
                yield from self._slices(self._resident[place], rows)
            return
        self.head()
        pieces, following = self._head, self._pass
        assert following is not None
        self._head, self._pass = None, None
        kept: list[Window] | None = []
        while pieces is not None:
            window = self._take(pieces, alone=pieces.last and not kept)
            pieces.batches.clear()  # the window is complete: its source batches are free to go
            kept = self._kept(kept, window, last=pieces.last)
            if kept and pieces.last:
                self._resident = kept
            yield from self._slices(window, rows)
            del window
            pieces = next(following, None)
        if kept:
            self._resident = kept

    def _kept(self, kept: list[Window] | None, window: Window, *, last: bool) -> list[Window] | None:
        """Return the windows so far with one more; None once they are not all to stay."""
        if kept is None:
            return None
        if last and not kept:
            return [window]
        windows = [*kept, window]
        if not all(one.in_scratch for one in windows):
            return None  # a window in memory: several would grow with the rows
        return windows if sum(one.nbytes for one in windows) <= KEPT_BYTES else None

    def _order(self, count: int) -> npt.NDArray[np.int32]:
        order = np.arange(count, dtype=np.int32)
        return order if self._random is None or count == 1 else self._random.permutation(order)

    def _windows(self) -> Iterator[Pieces]:
        pieces = Pieces(self._window_bytes)
        for batch in self._channel.batches(self._piece_rows()):
            if pieces.batches and self._is_full(pieces, batch):
                yield pieces
                pieces = Pieces(self._window_bytes)
            pieces.add(batch)
            # Dense batches are of one size: the next one need not wait in memory for this window's end.
            full = isinstance(batch.features, np.ndarray) and self._is_full(pieces, batch)
            del batch
            if full:
                yield pieces
                pieces = Pieces(self._window_bytes)
        if pieces.batches:
            pieces.last = True
            yield pieces

    def _is_full(self, pieces: Pieces, batch: Batch) -> bool:
        """Whether a window ends here: with a mini-batch, and without room for a batch."""
        if pieces.rows % self._rows:
            return False
        size, rows = nbytes(batch.features), len(batch)
        if rows < self._rows:  # a part of a mini-batch, whose other parts will follow
            size, rows = size // rows * self._rows, self._rows
        return pieces.size + size > self._window_bytes or pieces.rows + rows > WINDOW_ROWS

    def _piece_rows(self) -> int:
        """Return how many rows are read at once: of some mini-batches, or a part of one if it is dense.

        A window of many small pieces is slow to shuffle, and a piece is all in memory. So that a window ends
        with a mini-batch, a part divides it.
        """
        most = max(1, min(_PIECE_BYTES, self._window_bytes // 8) // (4 * self._channel.feature_dim))
        if most >= self._rows:
            return self._rows * max(1, min(most, WINDOW_ROWS // 8) // self._rows)
        if self._channel.sparse:  # what its rows take does not go with their width
            return self._rows
        part = next(rows for rows in range(most, 0, -1) if not self._rows % rows)
        return part if part * _LEAST_PART >= most else self._rows  # one of so odd a size is read whole

    def _take(self, taken: Pieces, *, alone: bool) -> Window:
        order = np.arange(taken.rows, dtype=np.int32)
        if self._random is not None:
            self._random.shuffle(order)
        pieces = taken.batches
        if taken.sparse is not None:
            return self._take_sparse(taken.sparse, pieces, order)
        if self._random is None and self.scale is None:
            sources = _joined([piece.features for piece in pieces])
            if len(sources) == 1 and is_mapped(sources[0]):  # nothing to do: they stay where they lie
                return Window(sources[0], labels_in_scratch(_labels(pieces)))
        if taken.size > MEMORY_BYTES or not alone:
            return self._take_to_scratch(pieces, order)
        labels, start = np.empty(taken.rows, np.float32), 0
        for piece in pieces:
            assert piece.labels is not None
            labels[order[start : start + len(piece)]] = piece.labels
            start += len(piece)
        return Window(self._take_dense(pieces, order), labels)

    def _take_dense(self, pieces: list[Batch], order: npt.NDArray[np.int32]) -> Floats:
        width = pieces[0].features.shape[1]
        step = _block_rows(width)
        features = np.empty((len(order), width), np.float32)
        start = 0
        for piece in pieces:
            for low in range(0, len(piece), step):
                block = piece.features[low : low + step]
                places = order[start + low : start + low + len(block)]
                features[places] = np.ascontiguousarray(block) if self.scale is None else self.scale(block)
            start += len(piece)
        return features

    def _take_to_scratch(self, pieces: list[Batch], order: npt.NDArray[np.int32]) -> Window:
        """Put the same rows at the same places of files, two parts of a quarter of `MEMORY_BYTES` at a time.

        What takes the time are the page cache's fresh pages, which the kernel clears, and a virtual machine's
        host may have to find first: 157 MB took one thread 57 ms and two 40, and 0.25 to 0.45 s where the
        host had taken the free memory away.
        """
        width = pieces[0].features.shape[1]
        step = _block_rows(width)
        rows_at = _inverse(order)
        sources = _joined([piece.features for piece in pieces])
        # Of one source a block is gathered as quickly as a part; of many, each part goes through them all.
        together = step if len(sources) == 1 else max(1, MEMORY_BYTES // 4 // (4 * width))
        its_labels = _labels(pieces)
        features, labels = Segment(len(order), width), Segment(len(order), 1)

        def put(start: int) -> None:
            rows = rows_at[start : start + together]
            labels.put(start, its_labels[rows][:, None])
            gathered = _gather(sources, rows)
            for low in range(0, len(rows), step):
                block = gathered[low : low + step]
                features.put(start + low, block if self.scale is None else self.scale(block))

        share(put, range(0, len(order), together))
        return Window(features.whole, labels.whole[:, 0])

    def _take_sparse(self, laid: Laid, pieces: list[Batch], order: npt.NDArray[np.int32]) -> Window:
        rows_at = _inverse(order)
        its_labels = _labels(pieces)
        return Window(gathered(laid.whole(), rows_at, self.scale), labels_in_scratch(its_labels[rows_at]))

    def _slices(self, window: Window, rows: int) -> Iterator[Batch]:
        starts = np.arange(0, len(window), rows)
        if self._random is not None:
            starts = self._random.permutation(starts)
        for start in starts.tolist():
            yield window.slice(start, start + rows)


def _labels(pieces: list[Batch]) -> Floats:
    return np.concatenate([piece.labels for piece in pieces if piece.labels is not None])


def _block_rows(width: int) -> int:
    return max(1, _BLOCK_BYTES // (4 * width))


def _inverse(order: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return which row goes to each place, where `order` says to which place each row goes."""
    rows_at = np.empty_like(order)
    for start in range(0, len(order), _INVERTED):
        places = order[start : start + _INVERTED]
        rows_at[places] = np.arange(start, start + len(places), dtype=np.int32)
    return rows_at


def _joined(parts: list[Floats]) -> list[Floats]:
    """Return the same rows in fewer arrays: parts that follow each other in one mapped file become one."""
    rows: list[int] = []
    firsts: list[Floats] = []
    for place, part in enumerate(parts):
        if place and follows(parts[place - 1], part):
            rows[-1] += len(part)
        else:
            firsts.append(part)
            rows.append(len(part))
    # The strides are said: numpy calls a view of one row contiguous, whatever lies between it and the next.
    return [
        as_strided(first, (count, first.shape[1]), first.strides, writeable=False)
        for first, count in zip(firsts, rows, strict=True)
    ]


def _gather(sources: list[Floats], rows: npt.NDArray[np.int32]) -> Floats:
    """Return the rows of these numbers in memory of their own."""
    if len(sources) == 1:
        gathered: Floats = sources[0][rows]
        return gathered
    gathered = np.empty((len(rows), sources[0].shape[1]), np.float32)
    places = np.argsort(rows)
    ends = np.cumsum([len(source) for source in sources])
    cuts = np.searchsorted(rows[places], ends)
    first, low = 0, 0
    for source, end, high in zip(sources, ends.tolist(), cuts.tolist(), strict=True):
        chosen = places[low:high]
        gathered[chosen] = source[rows[chosen] - first]
        first, low = end, high
    return gathered
