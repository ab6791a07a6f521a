"""Every documented request form gives the same rows; anything else gives 4xx with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.sparse import csr_matrix

from algorithms.base import CSV, JSON, JSONLINES, RECORDIO, Features
from algorithms.request_formats import RequestError, decode_request
from processing.recordio import encode_dense, encode_sparse

TABLES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.just(4)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def dense(features: Features) -> np.ndarray:
    found: np.ndarray = features if isinstance(features, np.ndarray) else features.toarray()
    assert found.dtype == np.float32
    return found


def bodies(table: np.ndarray) -> dict[str, tuple[str, bytes]]:
    rows = table.tolist()
    short = [{"features": row} for row in rows]
    long = [{"data": {"features": {"values": row}}} for row in rows]
    sparse = [_sparse_instance(row) for row in rows]
    return {
        "short json": (JSON, json.dumps({"instances": short}).encode()),
        "long json": (JSON, json.dumps({"instances": long}).encode()),
        "sparse json": (JSON, json.dumps({"instances": sparse}).encode()),
        "mixed json": (JSON, json.dumps({"instances": [*sparse[:1], *short[1:]]}).encode()),
        "json lines": (JSONLINES, "\n".join(map(json.dumps, short)).encode()),
        "long json lines": (JSONLINES, ("\n".join(map(json.dumps, long)) + "\n").encode()),
        "csv": (CSV, "\n".join(",".join(map(repr, row)) for row in rows).encode()),
        "dense recordIO": (RECORDIO, encode_dense(table)),
        "sparse recordIO": (RECORDIO, encode_sparse(csr_matrix(table))),
    }


def _sparse_instance(row: list[float]) -> dict[str, object]:
    keys = [key for key, value in enumerate(row) if value]
    return {"data": {"features": {"keys": keys, "shape": [len(row)], "values": [row[key] for key in keys]}}}


@given(TABLES)
def test_every_form_gives_the_same_rows(table: np.ndarray) -> None:
    for name, (media_type, body) in bodies(table).items():
        np.testing.assert_array_equal(dense(decode_request(body, media_type, 4)), table, err_msg=name)


def test_the_documented_sparse_instance() -> None:
    body = b'{"instances": [{"data": {"features": {"keys": [26, 182], "shape": [2000], "values": [1, 4]}}}]}'
    features = decode_request(body, JSON, 2000)
    assert not isinstance(features, np.ndarray)
    assert features.shape == (1, 2000)
    assert features[0, 26] == 1
    assert features[0, 182] == 4


def test_one_csv_row_without_a_line_end() -> None:
    assert decode_request(b"1,2,3,4", CSV, 4).tolist() == [[1, 2, 3, 4]]


def refusal(body: bytes, media_type: str) -> tuple[int, str]:
    with pytest.raises(RequestError) as raised:
        decode_request(body, media_type, 4)
    return raised.value.status, str(raised.value)


def instance(text: str) -> bytes:
    return b'{"instances": [%b]}' % text.encode()


@pytest.mark.parametrize(
    ("media_type", "body", "message"),
    [
        (JSON, b"", "the body is empty"),
        (CSV, b" \n", "the body is empty"),
        (JSON, b"{", "the body is not JSON"),
        (JSON, b"\xff", "the body is not JSON"),
        (JSON, b"[" * 1_000_000, "the body is nested too deeply"),
        (JSON, b"[]", 'the body must be an object {"instances": [...]}'),
        (JSON, b'{"instances": {}}', 'the body must be an object {"instances": [...]}'),
        (JSON, b'{"instances": []}', "the request has no rows"),
        (JSON, instance("[1, 2, 3, 4]"), 'instance 1 has neither "features": [...] nor "data"'),
        (JSON, instance('{"features": {"keys": []}}'), "instance 1 has neither"),
        (JSON, instance('{"features": [1, 2, 3, NaN]}'), "NaN is not a JSON number"),
        (JSON, instance('{"features": [1, 2, 3, 1e39]}'), "row 1, feature 4 is inf, but must be a finite"),
        (JSON, instance('{"features": [1, 2, 3, 1%s]}' % ("0" * 400)), "too large for a float32"),
        (JSON, instance('{"features": [1, 2, 3, "4"]}'), 'instance 1 holds "4", which is not a number'),
        (JSON, instance('{"features": [1, 2, 3, null]}'), "instance 1 holds null, which is not a number"),
        (JSON, instance('{"features": [1, 2, 3, true]}'), "instance 1 holds true, which is not a number"),
        (JSON, instance('{"features": [1, 2, 3, [4]]}'), "instance 1 holds [4], which is not a number"),
        (JSON, instance('{"features": [1, 2, 3]}'), "rows have 3 features, but the model takes 4"),
        (
            JSON,
            instance('{"features": [1, 2, 3, 4]}, {"features": [1]}'),
            "instance 2 has 1 features, but the first has 4",
        ),
        (
            JSON,
            instance('{"data": {"features": {"keys": [1], "shape": [5], "values": [1]}}}'),
            "instance 1 has shape [5], but the model takes [4]",
        ),
        (
            JSON,
            instance('{"data": {"features": {"keys": [4], "shape": [4], "values": [1]}}}'),
            "instance 1 has the key 4, but keys go from 0 to 3",
        ),
        (
            JSON,
            instance('{"data": {"features": {"keys": [1, 1], "shape": [4], "values": [1, 2]}}}'),
            "instance 1 names a key twice",
        ),
        (
            JSON,
            instance('{"data": {"features": {"keys": [1, 2], "shape": [4], "values": [1]}}}'),
            "instance 1 has 2 keys but 1 values",
        ),
        (
            JSON,
            instance('{"data": {"features": {"keys": [1.5], "shape": [4], "values": [1]}}}'),
            "instance 1 has keys that are not a list of integers",
        ),
        (JSONLINES, b'{"features": [1,2,3,4]}\n{"features"', "line 2 is not JSON"),
        (CSV, b"1,2,3,4\n1,2,3\n", "row 2 has 3 columns, but the rows above have 4"),
        (CSV, b"0,1,2,3,4\n", "rows have 5 columns, but the model takes 4 (no label among them)"),
        (CSV, b"1,2,3,nan\n", "row 1, feature 4 is nan, but must be a finite float32"),
        (CSV, b"a,b,c,d\n", "row 1, column 1 is 'a', not a number"),
        (RECORDIO, encode_dense(np.ones((2, 4), np.float32))[:-5], "record 1"),
        (RECORDIO, b"nonsense", "record 0"),
        (RECORDIO, encode_dense(np.ones((1, 3), np.float32)), "rows have 3 features, but the model takes 4"),
    ],
)
def test_a_bad_body_is_400_with_the_reason(media_type: str, body: bytes, message: str) -> None:
    status, told = refusal(body, media_type)
    assert status == 400
    assert message in told


def test_an_unknown_content_type_is_415() -> None:
    assert refusal(b"x", "image/png") == (415, "Content-Type 'image/png' is not supported")


@given(TABLES)
def test_single_recordio_rows_decode_to_their_own_values(table: np.ndarray) -> None:
    for row in table:
        body = encode_dense(row[None])
        np.testing.assert_array_equal(dense(decode_request(body, RECORDIO, 4)), row[None])


def test_a_recordio_row_like_one_before_is_checked_all_the_same() -> None:
    good = encode_dense(np.ones((1, 4), np.float32))
    decode_request(good, RECORDIO, 4)
    assert "feature 3 is nan" in refusal(encode_dense(np.array([[1, 1, np.nan, 1]], np.float32)), RECORDIO)[1]
    assert "recordIO record 0" in refusal(good[:-4], RECORDIO)[1]
    assert "recordIO record 0" in refusal(b"\0" + good[1:], RECORDIO)[1]
    assert "rows have 5 features" in refusal(encode_dense(np.ones((1, 5), np.float32)), RECORDIO)[1]
    labelled = encode_dense(np.full((1, 4), 2, np.float32), np.zeros(1, np.float32))
    assert dense(decode_request(labelled, RECORDIO, 4)).tolist() == [[2, 2, 2, 2]]


@given(st.sampled_from([JSON, JSONLINES, CSV, RECORDIO]), st.binary(max_size=80))
def test_any_bytes_give_rows_or_a_request_error(media_type: str, body: bytes) -> None:
    try:
        features = decode_request(body, media_type, 4)
    except RequestError as error:
        assert error.status == 400  # noqa: PT017
    else:
        assert features.shape[1] == 4


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["features", "data", "values", "keys", "shape", "instances"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON_VALUES, max_size=3))
def test_any_json_gives_rows_or_a_request_error(instances: list[object]) -> None:
    try:
        decode_request(json.dumps({"instances": instances}).encode(), JSON, 4)
    except RequestError as error:
        assert error.status == 400  # noqa: PT017
