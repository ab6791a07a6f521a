"""Whatever the quick decoders read, the general ones read alike; the rest they leave to them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from algorithms import quick_rows
from algorithms.base import CSV, JSON, JSONLINES
from algorithms.request_formats import RequestError, decode_request

CSV_TEXTS = st.text('0123456789.,-+eE \t\r\n[]{}"ntrul', max_size=30).map(str.encode)
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20)
VALUES = NUMBERS | st.none() | st.booleans() | st.text(max_size=2) | st.lists(NUMBERS, max_size=2)
INSTANCES = st.lists(
    st.dictionaries(st.sampled_from(["features", "data", "more"]), st.lists(VALUES, max_size=3)), max_size=3
)
# Near the usual form, by pieces rather than by letters: letters alone would hardly ever come near it.
PIECES = st.lists(
    st.sampled_from(
        """{ } [ ] : , 1 -0 2.5e1 null "features" "instances" "data" },{ ]}]} ]},
        {"features":[ "features":[1 {"instances":[ \\n ]}\\n{ """.replace("\n", " ").split(" ")
    ),
    max_size=12,
).map(lambda pieces: "".join(pieces).replace("\\n", "\n").encode())


def general(monkeypatch: pytest.MonkeyPatch, body: bytes, media_type: str, width: int) -> np.ndarray | None:
    with monkeypatch.context() as patched:
        for name in ("csv_rows", "json_rows", "jsonlines_rows"):
            patched.setattr(quick_rows, name, lambda _: None)
        try:
            features = decode_request(body, media_type, width)
        except RequestError:
            return None
    assert isinstance(features, np.ndarray)
    return features


@given(CSV_TEXTS)
@example(b"1,2\r\n3,4\r\n")
@example(b"1],[2")
@example(b"1,2\n\n3,4")
@example(b" 1 ,\t2 ")
@example(b"1e999,2")
def test_csv(body: bytes) -> None:
    quick = quick_rows.csv_rows(body)
    if quick is not None and np.isfinite(quick).all():
        with pytest.MonkeyPatch.context() as patch:
            slow = general(patch, body, CSV, quick.shape[1])
        assert slow is not None
        np.testing.assert_array_equal(quick, slow)


def assert_alike(body: bytes, media_type: str) -> None:
    """What the quick decoder reads, the general one reads alike."""
    quick = (quick_rows.json_rows if media_type == JSON else quick_rows.jsonlines_rows)(body)
    if quick is not None and np.isfinite(quick).all():
        with pytest.MonkeyPatch.context() as patch:
            slow = general(patch, body, media_type, quick.shape[1])
        assert slow is not None
        np.testing.assert_array_equal(quick, slow)


@given(INSTANCES)
def test_json_and_json_lines(instances: list[dict[str, object]]) -> None:
    assert_alike(json.dumps({"instances": instances}).encode(), JSON)
    assert_alike("\n".join(map(json.dumps, instances)).encode(), JSONLINES)


@given(PIECES, PIECES)
def test_text_that_is_nearly_json(body: bytes, more: bytes) -> None:
    for text in (body, b'{"instances":[{"features":[1%b' % body, b'{"instances":[%b]}%b' % (body, more)):
        assert_alike(text, JSON)
    for text in (
        body,
        b'{"features":[1]}%b' % body,
        b'{"features":[1%b]}\n{"features":[2%b]}' % (body, more),
    ):
        assert_alike(text, JSONLINES)


DEEP = b"[" * 1_000_000


@pytest.mark.parametrize(
    "instances",
    [
        b'{"features": [[1], 2]}',  # simdjson would flatten it
        b'{"features": [[1, 2]]}, {"features": [3, 4]}',
        b'{"features": [1, 2]}, {"features": [3]}',
        b'{"features": [1, 2], "features": [3, 4]}',  # the last counts; simdjson finds the first
        b'{"features": [1, 2], "more": 3}',
        b'{"features": [1, 2]}, [{"features": [3, 4]}]',
        b'{"features": [1, "2"]}',
        b'{"features": [1, true]}',
        b'{"features": [1, NaN]}',
        b'{"features": [1, 1e400]}',
        b'{"features": [1, 18446744073709551616]}',
        b'{"features": [1, \xff]}',
        b'{"features": [1, 2]}, ',
        b'{"features": []}',
        b'{"features": "12"}',
        b'"features"',
        b"",
        DEEP,
    ],
)
def test_what_is_unusual_is_left_to_the_general_decoders(instances: bytes) -> None:
    assert quick_rows.json_rows(b'{"instances": [%b]}' % instances) is None
    assert (
        quick_rows.json_rows(b'{"instances": [{"features": [1, 2]}], "instances": [%b]}' % instances) is None
    )
    assert quick_rows.jsonlines_rows(instances.replace(b"}, {", b"}\n{")) is None


@pytest.mark.parametrize(
    "lines",
    [
        b'{"features": [1]},{"features": [2]}',
        b'{"features": [1\n2]}',
        b'{"features"\n:[1]}',
        b'{"features": [1]}\n\n{"features": [2]}',
        b'[{"features": [1]}\n{"features": [2]}]',
    ],
)
def test_a_line_is_an_object(lines: bytes) -> None:
    assert quick_rows.jsonlines_rows(lines) is None


@pytest.mark.parametrize(
    "body", [b"1,2\n3", b"1,nan", b'1,"2"', b"1,{}", b"1],[2", b"1,\n2,", b"\xef\xbb\xbf1,2"]
)
def test_csv_that_is_unusual_is_left_to_the_general_decoder(body: bytes) -> None:
    assert quick_rows.csv_rows(body) is None


def test_rows_outlive_the_body_that_they_were_read_from() -> None:
    first = quick_rows.csv_rows(b"1,2\n3,4")
    for value in range(50):
        quick_rows.csv_rows(b"%d,%d\n5,6" % (value, value))
    assert first is not None
    assert first.tolist() == [[1, 2], [3, 4]]


def test_a_body_that_cannot_be_read_does_not_spoil_the_next() -> None:
    good = b'{"instances": [{"features": [1, 2]}]}'
    for bad in (b"", b"[", good[:-1], b'{"instances": [{"features": [1, "2"]}]}', b'{"instances": [7]}'):
        assert quick_rows.json_rows(bad) is None
        rows = quick_rows.json_rows(good)
        assert rows is not None
        assert rows.tolist() == [[1, 2]]


def test_a_large_body_is_read_alike() -> None:
    rows = quick_rows.csv_rows(b"1.5,2\n" * (quick_rows.KEPT_BYTES // 6 + 1))
    assert rows is not None
    assert (rows == [1.5, 2]).all()


def test_without_simdjson_every_body_is_read_by_the_general_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_rows, "simdjson", None)
    body = b'{"instances": [{"features": [1, 2]}]}'
    assert quick_rows.json_rows(body) is None
    for text, media_type in ((body, JSON), (b'{"features": [1, 2]}', JSONLINES), (b"1,2", CSV)):
        rows = decode_request(text, media_type, 2)
        assert isinstance(rows, np.ndarray)
        assert rows.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (quick_rows.csv_rows, b"1,2\n3,4\n"),
        (quick_rows.json_rows, b'{"instances": [{"features": [1, 2]}, {"features": [3, 4.0]}]}'),
        (quick_rows.jsonlines_rows, b'{"features": [1, 2]}\n{"features": [3, 4]}\n'),
    ],
)
def test_the_usual_forms_are_read_quickly(decode: object, body: bytes) -> None:
    rows = decode(body)  # type: ignore[operator]
    assert rows is not None
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("text", ["1e39", "-1e39"])
def test_values_beyond_float32_are_refused_by_name(text: str) -> None:
    with pytest.raises(RequestError, match=re.escape("row 1, feature 2 is")):
        decode_request(f"1,{text}".encode(), CSV, 2)
