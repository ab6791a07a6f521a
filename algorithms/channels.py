"""A channel as an algorithm reads it: checked batches, in File, FastFile and Pipe mode alike.

Sources are read in pieces of a few MiB, so the memory needed does not grow with the data. A file of dense
recordIO is mapped, and its batches, labels included, are views of it. A file of CSV is parsed once, its rows
kept in scratch files (`algorithms.scratch`) for later passes.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from algorithms.base import CSV, Batch, LabelRule
from algorithms.channel_config import ChannelConfig
from algorithms.checks import RowChecks
from algorithms.csv_rows import CsvError, read_blocks
from algorithms.errors import CustomerError
from algorithms.scratch import laid_down
from algorithms.sources import Source, fifo_source, file_sources
from algorithms.sparse_rows import distinct
from processing.recordio import Arrays, RecordIOError, read_chunks, read_dense, rebatch

CHECKED_BYTES = 16 << 20
"""A mapped file goes out in pieces of this size while it is checked, so that the check reads little ahead."""

Floats = npt.NDArray[np.float32]
Pieces = Generator[Arrays, None, None]


class InputChannel:
    """One channel of a training job (see `algorithms.base.Channel`).

    feature_dim: the width that the hyperparameters name, or None to take that of the first record.
    """

    def __init__(
        self, config: ChannelConfig, data: Path, *, label_rule: LabelRule, feature_dim: int | None
    ) -> None:
        self.name = config.name
        self._config = config
        self._data = data
        self._checks = RowChecks(label_rule, feature_dim)
        self._checked = False
        self._epoch = 0
        self._mapped: dict[Path, Arrays] = {}
        self._parsed: dict[Path, list[Arrays]] = {}
        self._begun: tuple[Arrays, Pieces] | None = None
        self._sparse: bool | None = None

    @property
    def feature_dim(self) -> int:
        """The width of the rows, by the first of them where nothing has told it before."""
        if self._checks.width is None:
            self._begin()
        assert self._checks.width is not None, "a checked piece sets the width"
        return self._checks.width

    @property
    def sparse(self) -> bool:
        """Whether the rows are sparse, by the first of them."""
        if self._sparse is None:
            self._begin()
        assert self._sparse is not None, "every piece sets it"
        return self._sparse

    def batches(self, rows: int) -> Iterator[Batch]:
        """One pass in batches of `rows` records; only the last may be shorter. Raises CustomerError."""
        with closing(self._begun_pass(rows)) as pieces:
            for features, labels in rebatch(pieces, rows):
                yield Batch(features, labels)
        # A file does not change while a job reads it; a FIFO brings new bytes every epoch.
        self._checked = not self._config.pipe

    def _begin(self) -> None:
        """Read the first rows. A FIFO can be read but once: the next pass goes on. A file is opened again."""
        pieces = self._pass()
        first = next(pieces)
        if self._config.pipe:
            self._begun = first, pieces
        else:
            pieces.close()

    def _begun_pass(self, rows: int) -> Pieces:
        if self._begun is None:
            return self._pass(rows)
        first, rest = self._begun
        self._begun = None
        return _with_first(first, rest)

    def _pass(self, multiple: int = 1) -> Pieces:
        """Yield checked pieces; those of mapped files end at a multiple of so many rows where that can be.

        Batches of as many rows are then views, and never joined of two pieces.
        """
        records = 0
        for source in self._sources():
            row = 1
            with closing(self._explained(source, multiple)) as pieces:
                for piece in pieces:
                    self._sparse = not isinstance(piece.features, np.ndarray)
                    if not self._checked:
                        self._checks.check(piece.features, piece.labels, source.label, row)
                    row += piece.features.shape[0]
                    if piece.features.shape[0]:
                        yield Arrays(distinct(piece.features), piece.labels)
            records += row - 1
        if not records:
            raise CustomerError(f"channel {self.name!r} is empty: it holds no records")

    def _sources(self) -> list[Source]:
        if not self._config.pipe:
            folder = self._data / self.name
            return file_sources(folder, self.name, may_be_gzipped=self._config.gzip)
        epoch = self._epoch
        self._epoch += 1
        return [fifo_source(self._data, self.name, epoch, may_be_gzipped=self._config.gzip)]

    def _explained(self, source: Source, multiple: int) -> Pieces:
        try:
            yield from self._read(source, multiple)
        except (RecordIOError, CsvError) as error:
            raise CustomerError(f"{source.label}: {error}") from error
        except (zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise CustomerError(
                f"{source.label} is not whole gzip data: {error}. Compress or upload it again"
            ) from error

    def _read(self, source: Source, multiple: int) -> Pieces:
        if self._config.content_type == CSV:
            once = self._config.pipe
            yield from map(_labelled, _csv_rows(source)) if once else self._parsed_pieces(source, multiple)
        elif source.path in self._mapped or (source.mappable and _can_be_viewed(source)):
            yield from self._mapped_pieces(source.path, multiple)
        else:
            with source.open() as file:
                yield from read_chunks(file)

    def _parsed_pieces(self, source: Source, multiple: int) -> Pieces:
        if source.path in self._parsed:
            yield from self._parsed[source.path]
            return
        parsed = []
        for rows in laid_down(_csv_rows(source), multiple):
            parsed.append(_labelled(rows))
            yield parsed[-1]
        self._parsed[source.path] = parsed

    def _mapped_pieces(self, path: Path, multiple: int) -> Pieces:
        if path not in self._mapped:
            self._mapped[path] = read_dense(path)
        features, labels = self._mapped[path]
        if self._checked:
            yield Arrays(features, labels)
            return
        rows = max(1, CHECKED_BYTES // (4 * max(1, features.shape[1]) * multiple)) * multiple
        for start in range(0, features.shape[0], rows):
            part = slice(start, start + rows)
            yield Arrays(features[part], None if labels is None else labels[part])


def _with_first(first: Arrays, rest: Pieces) -> Pieces:
    with closing(rest):
        yield first
        yield from rest


def _can_be_viewed(source: Source) -> bool:
    """Say whether the records are dense and aligned: mapping others would copy the whole file into memory.

    A view steps over the frames' headers from row to row; a copy's rows are side by side.
    """
    with source.open() as file:
        first = next(iter(read_chunks(file)), None)
    if first is None or not isinstance(first.features, np.ndarray):
        return False
    return bool(first.features.strides[0] > 4 * first.features.shape[1])


def _csv_rows(source: Source) -> Iterator[Floats]:
    with source.open() as file:
        for rows in read_blocks(file):
            if rows.shape[1] < 2:
                raise CsvError(
                    "rows have one column: a label in the first and at least one feature are needed"
                )
            yield rows


def _labelled(rows: Floats) -> Arrays:
    return Arrays(rows[:, 1:], rows[:, 0])
