"""A request of one row is answered by quicker ways than one of many: the answers are the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from algorithms import quick_rows
from algorithms.base import CSV, JSON, JSONLINES, RECORDIO
from algorithms.linear_learner.model import LinearModel
from algorithms.request_formats import decode_request
from algorithms.response_formats import encode_response
from processing.recordio import decode_labels

WIDTH = 7
KINDS = [
    ("binary_classifier", "logistic", 1),
    ("binary_classifier", "hinge_loss", 1),
    ("regressor", "squared_loss", 1),
    ("multiclass_classifier", "softmax_loss", 3),
]
ROWS = np.random.default_rng(0).normal(size=(40, WIDTH)).astype(np.float32)
ROWS[1], ROWS[2], ROWS[3] = 0, 1e30, -1e30  # a tie with the threshold 0, and scores far from it


def model(kind: str, loss: str, columns: int, threshold: float = 0.0) -> LinearModel:
    weights = np.abs(np.random.default_rng(1).normal(size=(WIDTH, columns))).astype(np.float32)
    return LinearModel(kind, loss, weights, np.zeros(columns, np.float32), threshold=threshold)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("kind", "loss", "columns"), KINDS)
@pytest.mark.parametrize("threshold", [0.0, 0.1])
def test_a_row_alone_is_answered_as_among_others(
    kind: str, loss: str, columns: int, threshold: float, sparse: bool
) -> None:
    served = model(kind, loss, columns, threshold)
    rows = csr_matrix(ROWS) if sparse else ROWS
    together = json.loads(encode_response(served.predict(rows), JSON))["predictions"]
    for number, answer in enumerate(together):
        predictions = served.predict(rows[number : number + 1])
        alone = json.loads(encode_response(predictions, JSON))["predictions"][0]
        assert list(alone) == list(answer)
        assert alone["score"] == pytest.approx(answer["score"], rel=1e-5, abs=1e-30)
        if kind != "regressor":
            assert alone["predicted_label"] == answer["predicted_label"]
            assert type(alone["predicted_label"]) is int
        assert encode_response(predictions, CSV).count(b",") == columns - (kind == "regressor")
        assert decode_labels(encode_response(predictions, RECORDIO))["score"].shape[0] == 1


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, b'{"instances": [{"features": %b}]}'),
        (JSONLINES, b'{"features": %b}\n'),
        (CSV, b"%b\n"),
    ],
)
@pytest.mark.parametrize("usual", [b"[1, 2]", b"[3.5,-4]", b"[ 1e3 , 0 ]"])
def test_rows_after_the_first_of_their_form(media_type: str, body: bytes, usual: bytes) -> None:
    unusual = [b'[1, "2"]', b"[1, {}]", b"[1, true]", b"[1, null]", b"[]", b"[1,]", b"[1 2]", b"[1, 2", b"["]
    unusual += [b'[1], "features": [2]', b"[[1], 2]", b"[1, 1e400]", b'[1, "]"]', b"[1, 2]]", b"[01, 2]"]
    brackets = b"" if media_type == CSV else b"[]"
    for array in (b"[7, 8]", *unusual, usual):
        text = body % (array if brackets else array.strip(b"[]"))
        rows = quick_rows_of(media_type, text)
        if array in (usual, b"[7, 8]"):
            assert rows is not None
            assert rows.tolist() == [json.loads(array)]
            assert decode_request(text, media_type, 2) is not None
        elif brackets:
            assert rows is None, text


def quick_rows_of(media_type: str, body: bytes) -> np.ndarray | None:
    decoders = {JSON: quick_rows.json_rows, JSONLINES: quick_rows.jsonlines_rows, CSV: quick_rows.csv_rows}
    return decoders[media_type](body)


def test_the_lines_of_json_lines_do_not_break_within_a_row_of_a_known_form() -> None:
    for _ in range(2):
        assert quick_rows.jsonlines_rows(b'{"features": [1, 2]}') is not None
        assert quick_rows.jsonlines_rows(b'{"features": [1,\n2]}') is None
        assert quick_rows.json_rows(b'{"features": [1, 2]}') is None
