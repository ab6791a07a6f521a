"""Predictions leave in the forms that the documentation shows."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from algorithms.base import CSV, JSON, JSONLINES, RECORDIO
from algorithms.content_types import ContentType
from algorithms.response_formats import choose_accept, encode_response
from processing.recordio import decode_labels

BINARY = {"score": np.array([0.4, 0.75]), "predicted_label": np.array([0, 1])}
MULTICLASS = {"score": np.array([[0.25, 0.75]]), "predicted_label": np.array([1])}
KNN = {"predicted_label": np.array([0.0])}


@pytest.mark.parametrize(
    ("predictions", "media_type", "body"),
    [
        (
            BINARY,
            JSON,
            b'{"predictions": [{"score": 0.4, "predicted_label": 0}, {"score": 0.75, "predicted_label": 1}]}',
        ),
        (
            BINARY,
            JSONLINES,
            b'{"score": 0.4, "predicted_label": 0}\n{"score": 0.75, "predicted_label": 1}\n',
        ),
        (BINARY, CSV, b"0.4,0\n0.75,1\n"),
        (MULTICLASS, JSON, b'{"predictions": [{"score": [0.25, 0.75], "predicted_label": 1}]}'),
        (MULTICLASS, CSV, b"0.25,0.75,1\n"),
        (KNN, JSON, b'{"predictions": [{"predicted_label": 0.0}]}'),
        (KNN, JSONLINES, b'{"predicted_label": 0.0}\n'),
    ],
)
def test_documented_bodies(predictions: dict[str, np.ndarray], media_type: str, body: bytes) -> None:
    assert encode_response(predictions, media_type) == body


def test_recordio_answers_in_the_label_map() -> None:
    found = decode_labels(encode_response(BINARY, RECORDIO))
    np.testing.assert_allclose(found["score"], [0.4, 0.75], rtol=1e-6)
    np.testing.assert_array_equal(found["predicted_label"], [0, 1])


@given(
    arrays.arrays(np.float64, st.integers(1, 5), elements=st.floats(allow_nan=False, allow_infinity=False))
)
def test_json_numbers_read_back_exactly(score: np.ndarray) -> None:
    answer = json.loads(encode_response({"score": score}, JSON))
    assert [row["score"] for row in answer["predictions"]] == score.tolist()


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", ContentType(JSON, {})),
        ("*/*", ContentType(JSON, {})),
        ("application/jsonlines", ContentType(JSONLINES, {})),
        ("application/json; verbose=true", ContentType(JSON, {"verbose": "true"})),
        ("text/html, text/csv;q=0.9", ContentType(CSV, {"q": "0.9"})),
        ("image/png", None),
    ],
)
def test_the_first_accepted_type_that_can_be_written_is(accept: str, chosen: ContentType | None) -> None:
    assert choose_accept(accept, JSON) == chosen
