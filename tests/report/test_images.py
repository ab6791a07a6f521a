"""Pixels come out of the PNG as they went in."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.images import png, shape_of, value_range


def decode(data: bytes) -> tuple[int, int, list[int]]:
    """Width, height and the opacity of every pixel of a PNG that `png` wrote; checks every chunk's CRC."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour) == (8, 4), "8 bits, grey with alpha"
    lines = zlib.decompress(chunks[b"IDAT"])
    pixels: list[int] = []
    for y in range(height):
        line = lines[y * (2 * width + 1) : (y + 1) * (2 * width + 1)]
        assert line[0] == 0, "no filter"
        pixels += line[2::2]
    return width, height, pixels


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_every_pixel_is_where_it_was(height: int, width: int, data: st.DataObject) -> None:
    row = data.draw(st.lists(st.integers(0, 255), min_size=height * width, max_size=height * width))
    assert decode(png([v / 255 for v in row], (height, width), (0.0, 1.0))) == (width, height, row)


def test_values_are_spread_over_the_range_of_the_data() -> None:
    assert decode(png([0, 8, 16], (1, 3), value_range([[0, 8, 16]])))[2] == [0, 128, 255]
    assert decode(png([-1, 0, 1], (1, 3), value_range([[-1, 0, 1]])))[2] == [0, 128, 255]
    assert decode(png([0, 0], (1, 2), value_range([[0, 0]])))[2] == [0, 0]


def test_wrong_number_of_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="an image of 2 x 2 pixels has 4 values, not 3"):
        png([1, 2, 3], (2, 2), (0, 1))


def test_shape_is_read_where_it_is_known() -> None:
    assert shape_of(None, {"image_shape": [28, 28]}) == (28, 28)
    assert shape_of({"image_shape": [8, 8, 1]}) == (8, 8)
    assert shape_of({"image_shape": [8, 8, 3]}) is None, "colour pictures are not drawn"
    assert shape_of({"image_shape": None}, {}) is None
