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
JSON_TEXTS = st.lists(
    st.dictionaries(
        st.sampled_from(["features", "data", "more"]), st.lists(NUMBERS | st.none() | st.booleans())
    ),
    max_size=3,
)


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


@given(JSON_TEXTS)
def test_json_and_json_lines(instances: list[dict[str, object]]) -> None:
    document = json.dumps({"instances": instances}).encode()
    lines = "\n".join(map(json.dumps, instances)).encode()
    for quick, body, media_type in (
        (quick_rows.json_rows(document), document, JSON),
        (quick_rows.jsonlines_rows(lines), lines, JSONLINES),
    ):
        if quick is not None and np.isfinite(quick).all():
            with pytest.MonkeyPatch.context() as patch:
                slow = general(patch, body, media_type, quick.shape[1])
            assert slow is not None
            np.testing.assert_array_equal(quick, slow)


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
