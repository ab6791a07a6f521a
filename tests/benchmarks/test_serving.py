"""What the serving benchmark makes of its loads: the figures, the verdicts, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.load import read_wrk
from benchmarks.serving import Median, Work, results, scores
from benchmarks.serving_material import FORMATS, ROWS, Material
from benchmarks.serving_servers import BOUND, CONTAINER, ENDPOINT

CSV, RECORDIO = Work("CSV", 1, 16), Work("recordIO", 100, 1)
WRK = """Running 1s test @ http://127.0.0.1:1/
    Latency Distribution
     50%  640.00us
     99%    1.39ms
  20532 requests in 1.00s, 2.57MB read
{}Requests/sec:  20486.20
"""


def medians(**found: tuple[float, float]) -> dict[str, Median]:
    names = {"bound": BOUND, "container": CONTAINER, "endpoint": ENDPOINT}
    return {names.get(name, name): Median(rate, p99, None) for name, (rate, p99) in found.items()}


def test_csv_has_to_be_twice_the_best_peers_rate_with_a_p99_below_all() -> None:
    quick, slow = (1000.0, 0.010), (100.0, 0.009)
    bound, near = (9000.0, 0.001), (1900.0, 0.001)
    first, second = results(
        CSV, medians(bound=bound, container=(2100, 0.008), endpoint=near, A=quick, B=slow), {"C": "no wheel"}
    )
    assert (first.met, second.met) == (True, False)
    assert first.median_s == 1 / 2100
    assert first.notes["times_best_peer"] == 2.1
    assert [(peer.name, peer.missing) for peer in first.peers] == [
        ("A", None),
        ("B", None),
        ("C", "no wheel"),
    ]
    late, _ = results(CSV, medians(bound=bound, container=(2100, 0.0095), endpoint=near, A=quick, B=slow), {})
    assert late.met is False


def test_recordio_has_to_be_half_the_bounds_rate() -> None:
    first, second = results(
        RECORDIO, medians(bound=(100, 1), container=(50, 9), endpoint=(49, 9)), {"C": "no wheel"}
    )
    assert (first.met, second.met) == (True, False)
    assert first.peers == []  # none takes recordIO


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": [{"score": 0.25, "predicted_label": 0}, {"score": 0.5}]},
        {"predictions": [0.25, 0.5]},
        {"outputs": [{"name": "score", "data": [0.25, 0.5]}]},
        [0.25, 0.5],
    ],
)
def test_scores_are_read_from_every_servers_answer(answer: object) -> None:
    assert scores(answer) == [0.25, 0.5]


def test_wrks_report_is_read() -> None:
    load = read_wrk(WRK.format(""))
    assert (load.requests, load.rate, load.p99, load.failures) == (20532, 20486.2, pytest.approx(1.39e-3), 0)
    broken = "  Socket errors: connect 0, read 2, write 0, timeout 1\n  Non-2xx or 3xx responses: 4\n"
    assert read_wrk(WRK.format(broken)).failures == 7


def test_every_form_of_a_request_holds_the_same_rows(tmp_path: object) -> None:
    material = Material(tmp_path)  # type: ignore[arg-type]
    for rows in ROWS:
        assert {(kind, rows) for kind in FORMATS} <= set(material.usual)
        lines = material.usual["CSV", rows].decode().splitlines()
        assert material.with_header["CSV", rows].decode().splitlines()[1:] == lines
        assert len(lines) == rows
        assert np.shape(material.scores[rows]) == (rows,)
