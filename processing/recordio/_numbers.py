"""What is written for which dtype: the tensor's kind, and the bytes of its numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from processing.recordio._messages import FLOAT32, FLOAT64, INT32
from processing.recordio._varints import compact, encode
from processing.recordio._words import Bytes, Counts


class Kind(NamedTuple):
    """tensor: field number in `Value`. dtype: how fixed-width numbers are kept; empty for varints (int32)."""

    tensor: int
    dtype: str

    @property
    def tag(self) -> int:
        """The tensor's field number with its wire type, length-delimited."""
        return self.tensor << 3 | 2

    @property
    def itemsize(self) -> int:
        """Bytes of a fixed-width number."""
        return np.dtype(self.dtype).itemsize


AS_FLOAT32, AS_FLOAT64, AS_INT32 = Kind(FLOAT32, "<f4"), Kind(FLOAT64, "<f8"), Kind(INT32, "")


def kind_of(dtype: np.dtype[Any], what: str) -> Kind:
    """Choose the tensor: float32, float64, int64 as SDK v2 did; other integers, bool, float16 as float32.

    Raises ValueError, naming `what`, for dtypes that are not numbers.
    """
    if dtype.newbyteorder("=") == np.int64:
        return AS_INT32
    if dtype.kind == "f" and dtype.itemsize == 8:
        return AS_FLOAT64
    if dtype.kind in "iub" or (dtype.kind == "f" and dtype.itemsize <= 4):
        return AS_FLOAT32
    raise ValueError(
        f'the {what} are of dtype {dtype}, which recordIO cannot hold: cast them with astype("float32")'
    )


def fixed(values: npt.NDArray[Any], kind: Kind, what: str) -> npt.NDArray[Any]:
    """Cast the numbers to the dtype that is written. ValueError for an integer that float32 would change."""
    if values.dtype == np.dtype(kind.dtype):
        return values
    cast = values.astype(kind.dtype)
    if values.dtype.kind in "iu" and values.dtype.itemsize > 2:
        changed = np.flatnonzero(cast.astype(values.dtype) != values)
        if len(changed):
            raise ValueError(
                f"the {what} hold {values.ravel()[changed[0]]}, which float32 would change: "
                'scale them, or cast them with astype("float64")'
            )
    return cast


def varints(values: npt.NDArray[Any], what: str) -> tuple[Bytes, Counts]:
    """Encode int64 numbers as protobuf's int32: varints end to end, and the offset behind each.

    Negative numbers take 10 bytes, as protobuf has it.
    Raises ValueError for numbers beyond 32 bits.
    """
    limits = np.iinfo(np.int32)
    outside = np.flatnonzero((values < limits.min) | (values > limits.max))
    if len(outside):
        raise ValueError(
            f"the {what} hold {values.ravel()[outside[0]]}, and an integer must fit in 32 bits: "
            'cast them with astype("float32")'
        )
    return encode(compact(values.ravel().astype(np.int64).view(np.uint64)))
