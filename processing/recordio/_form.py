"""What the records of one source have in common, and the numbers that arrays are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.recordio._batches import Arrays
from processing.recordio._messages import FLOAT32, FLOAT64, INT32
from processing.recordio._template import column
from processing.recordio._varints import decode

DTYPES = {FLOAT32: "<f4", FLOAT64: "<f8"}
"""How the fixed-width tensors keep their values."""


@dataclass
class Form:
    """What all records of a source must have in common; what is None is settled by the first record.

    kind: `dense` or `sparse`. width: features a record. labelled: whether records carry a label.
    """

    kind: str | None = None
    width: int | None = None
    labelled: bool | None = None

    def admits(self, arrays: Arrays) -> bool:
        """Whether these records are of this form, as far as it is settled."""
        return (
            self.kind in (None, arrays.kind)
            and self.width in (None, arrays.width)
            and self.labelled in (None, arrays.labels is not None)
        )

    def settle(self, arrays: Arrays) -> None:
        """Take the form of these records."""
        self.kind, self.width, self.labelled = arrays.kind, arrays.width, arrays.labels is not None


def to_float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Give the numbers as aligned float32, rounded where they are not; too large ones become infinite."""
    if values.dtype == np.float32 and values.flags.aligned:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32)


def hole_numbers(block: npt.NDArray[np.uint8], hole: slice, tensor: int) -> npt.NDArray[np.float32] | None:
    """Read the hole of every frame as float32 (rows, numbers); None where no such numbers fit into it.

    An int32 hole is one varint: of a label, say.
    """
    if tensor == INT32:
        return _int32(block[:, hole])
    dtype = DTYPES[tensor]
    if (hole.stop - hole.start) % np.dtype(dtype).itemsize:
        return None
    return to_float32(column(block, hole, dtype))


def _int32(encoded: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """Read one varint a row, all of one width → float32 (rows, 1)."""
    decoded = decode(encoded.ravel())
    if decoded is None or not (np.diff(decoded[1], prepend=-1) == encoded.shape[1]).all():
        return None
    return decoded[0].astype(np.uint32).view(np.int32).astype(np.float32)[:, None]
