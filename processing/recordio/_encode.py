"""Rows of one length → records: a block of bytes with holes, which the numbers fill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy.typing as npt

from processing.recordio._numbers import Kind, fixed
from processing.recordio._template import Part, Template, column

BLOCK = 4 << 20
"""Bytes written at a time: large enough that calls cost nothing, small enough to stay in the cache."""

Block = Callable[[], memoryview]
"""Some records that are encoded when it is called."""


class Fixed(NamedTuple):
    """Numbers of fixed width: values (n, d), of any dtype that `kind` takes; what: their name in messages."""

    values: npt.NDArray[Any]
    kind: Kind
    what: str


def encode_fixed(parts: list[Part], total: int, columns: list[Fixed]) -> Iterator[Block]:
    """Yield `total` records that differ only in the columns that fill their holes, in blocks of about 4 MiB.

    What a block gives is valid until the next but one is called: the memory is used again.
    """
    template = Template.of(parts)
    rows = max(1, BLOCK // template.stride)
    memory = [template.block(min(rows, total)) for _ in range(2 if rows < total else 1)]
    for number, start in enumerate(range(0, total, rows)):
        part = memory[number % 2][: total - start]
        yield partial(_fill, part, template.holes, columns, start)


def _fill(block: npt.NDArray[Any], holes: list[slice], columns: list[Fixed], start: int) -> memoryview:
    """Put the numbers from row `start` on into the holes of the block."""
    for hole, source in zip(holes, columns, strict=True):
        values = source.values[start : start + len(block)]
        column(block, hole, source.kind.dtype)[...] = fixed(values, source.kind, source.what)
    return block.reshape(-1).data
