"""Rows of pixels as PNG files in data URIs.

A pixel's value becomes its opacity over black ("ink"), so that one picture serves both colour schemes: the
dark one inverts black to white with a CSS filter and the paper shows through in both.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from report.markup import Markup, tag

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_WITH_ALPHA = 4


def shape_of(*sources: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Return the images' (height, width) in pixels; None for tabular data and for coloured images."""
    for source in sources:
        shape = (source or {}).get("image_shape")
        if shape and len(shape) in (2, 3) and all(int(side) > 0 for side in shape):
            if len(shape) == 3 and int(shape[2]) != 1:
                return None
            return int(shape[0]), int(shape[1])
    return None


def fits(row: Sequence[float], shape: tuple[int, int]) -> bool:
    """Whether `row` has as many values as an image of `shape` has pixels."""
    return len(row) == shape[0] * shape[1]


def value_range(rows: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(lowest, highest) value over all rows; 0 is always inside, so that an empty background stays empty."""
    lowest = min((min(row) for row in rows if row), default=0.0)
    highest = max((max(row) for row in rows if row), default=0.0)
    return min(0.0, lowest), max(0.0, highest)


def png(row: Sequence[float], shape: tuple[int, int], span: tuple[float, float]) -> bytes:
    """One image as a PNG file.

    Args:
        row: height x width values in row order.
        shape: (height, width) in pixels.
        span: the values that are drawn as no ink and as full ink.

    Raises:
        ValueError: `row` has another number of values than the shape has pixels.

    """
    height, width = shape
    if not fits(row, shape):
        raise ValueError(f"an image of {height} x {width} pixels has {height * width} values, not {len(row)}")
    low, high = span
    scale = 255.0 / (high - low) if high > low else 0.0
    alphas = bytes(min(255, max(0, round((value - low) * scale))) for value in row)
    ink = bytearray(2 * len(alphas))
    ink[1::2] = alphas
    lines = b"".join(b"\x00" + ink[2 * width * y : 2 * width * (y + 1)] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY_WITH_ALPHA, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def image(row: Sequence[float], shape: tuple[int, int], span: tuple[float, float], alt: str) -> Markup:
    """Return one row of pixels as an `<img>` with the PNG in it, on the ground that it is drawn on."""
    encoded = base64.b64encode(png(row, shape, span)).decode("ascii")
    source = f"data:image/png;base64,{encoded}"
    picture = tag("img", src=source, width=shape[1], height=shape[0], alt=alt, class_="pixels")
    return tag("span", picture, class_="tile")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
