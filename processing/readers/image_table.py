"""Images as a table: a column a pixel, so that a schema and a recipe can speak of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

from processing.container import InputError
from processing.readers import RawImages
from processing.readers.table import Block, CellBlock, Doubles, block_rows
from processing.rearrangement import NAMES, Membership
from processing.schema import CATEGORICAL, NUMERIC, Schema

LABEL = "label"
PICKLE_MAXIMUM = 256
"""`mnist.pkl.gz` holds grey levels of 0 to 255 divided by this."""


def pixel_schema(pixels: int) -> Schema:
    """Return the schema of Kaggle's layout: `label,pixel0,pixel1,…`."""
    types = {LABEL: CATEGORICAL, **{f"pixel{number}": NUMERIC for number in range(pixels)}}
    return Schema(types, LABEL)


def pixel_maximum(images: RawImages) -> int | None:
    """Return what grey levels of 0 to 255 were divided by; None where the first rows are no such levels."""
    if all(split.features.dtype == np.uint8 for split in images.splits.values()):
        return 255
    first = (next(_levels(split.features)) for split in images.splits.values())
    return PICKLE_MAXIMUM if all(_are_grey(levels) for levels in first) else None


class ImageTable:
    """The images of all splits, in the order train, validation, test, as grey levels of 0 to 255."""

    def __init__(self, images: RawImages, schema: Schema) -> None:
        self.source = ", ".join(str(path) for path in images.files)
        self._splits = [(name, images.splits[name]) for name in NAMES if name in images.splits]
        height, width = images.image_shape
        self._names = [f"pixel{number}" for number in range(height * width)]
        self._label = schema.target or LABEL
        for name in self._names:
            if name not in schema.types:
                raise InputError(
                    f"{self.source}: the schema has no attribute {name!r}; images have the columns "
                    f"{self._label}, pixel0, …, {self._names[-1]}"
                )
        surplus = sorted(schema.types.keys() - {*self._names, self._label})
        if surplus:
            raise InputError(
                f"{self.source}: no column {surplus[0]!r}, which the schema names; images have the columns "
                f"{self._label}, pixel0, …, {self._names[-1]}"
            )

    def membership(self) -> Membership:
        """Return the publisher's own split."""
        return np.concatenate(
            [np.full(len(split), NAMES.index(name), dtype=np.uint8) for name, split in self._splits]
        )

    def count(self) -> int:
        """Return the number of rows."""
        return sum(len(split) for _, split in self._splits)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows in order."""
        places = {name: place for place, name in enumerate(self._names)}
        size, before = block_rows(len(self._names)), 0
        for name, split in self._splits:
            for first in range(0, len(split), size):
                rows = split.rows(first, first + size)
                [levels] = _levels(rows.features)
                if not _are_grey(levels):
                    raise InputError(
                        f"{self.source}: the pixels are no grey levels of 0 to 255, which a recipe needs; "
                        "leave the recipe and the schema out"
                    )
                source, numbers = f"{self.source} {name} row", range(first + 1, first + 1 + len(rows))
                labels = {self._label: [str(label) for label in rows.labels.tolist()]}
                yield ImageBlock(before + first, source, numbers, labels, levels, places)
            before += len(split)


class ImageBlock(CellBlock):
    """Images of a split.

    columns: the label's cells. levels: whole numbers of 0 to 255, float64, shape (rows, pixels). places:
    pixel's column → its place among them.
    """

    def __init__(
        self,
        first: int,
        source: str,
        numbers: Sequence[int],
        columns: Mapping[str, Sequence[str]],
        levels: Doubles,
        places: Mapping[str, int],
    ) -> None:
        super().__init__(first, source, numbers, columns)
        self._levels, self._places = levels, places

    def cells(self, column: str) -> Sequence[str]:
        """See `Block.cells`."""
        place = self._places.get(column)
        if place is None:
            return super().cells(column)
        return [f"{level:.0f}" for level in self._levels[:, place].tolist()]

    def select(self, wanted: npt.NDArray[np.bool_]) -> Block:
        """See `Block.select`."""
        chosen = wanted.tolist()
        columns = {name: list(compress(cells, chosen)) for name, cells in self._columns.items()}
        numbers = list(compress(self.numbers, chosen))
        return ImageBlock(self.first, self.source, numbers, columns, self._levels[wanted], self._places)

    def values(self, column: str) -> Doubles:
        """See `Block.values`."""
        place = self._places.get(column)
        return super().values(column) if place is None else self._levels[:, place]

    def table(self, columns: Sequence[str]) -> Doubles:
        """See `Block.table`."""
        if not all(map(self._places.__contains__, columns)):
            return super().table(columns)
        return self._levels[:, [self._places[column] for column in columns]]


def _are_grey(levels: Doubles) -> bool:
    return bool(((levels == np.rint(levels)) & (levels >= 0) & (levels <= 255)).all())


def _levels(features: npt.NDArray[np.generic]) -> Iterator[Doubles]:
    """Yield batches of grey levels, which are whole numbers where the features are a publisher's."""
    step = block_rows(features.shape[1])
    for first in range(0, max(1, len(features)), step):
        batch = features[first : first + step]
        factor = 1 if batch.dtype == np.uint8 else PICKLE_MAXIMUM
        yield np.asarray(batch, dtype=np.float64) * factor
