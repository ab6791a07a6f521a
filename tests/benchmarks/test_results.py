"""What a benchmark prints: one object a line, and one table in which nothing that is missing is left out."""

from __future__ import annotations

import json

import pytest

from benchmarks.results import Peer, Result, as_markdown, as_text, from_json

TRAINED = Result(
    "training, 32 models",
    1.5,
    0.6,
    (Peer("PyTorch 2", 2.4, 0.9656), Peer("xLearn", missing="ERROR: no distribution")),
    0.9677,
    target="≤ 2 × bound",
    met=False,
    notes={"peak_mb": 230.0},
)


def test_the_object_of_a_line_has_the_promised_fields() -> None:
    found = json.loads(TRAINED.as_json())
    assert (found["work"], found["median_s"], found["bound_s"], found["quality"]) == (
        "training, 32 models",
        1.5,
        0.6,
        0.9677,
    )
    assert found["peers"] == {
        "PyTorch 2": {"median_s": 2.4, "quality": 0.9656},
        "xLearn": {"missing": "ERROR: no distribution"},
    }
    assert "\n" not in TRAINED.as_json()


def test_what_a_line_holds_is_read_back_whole() -> None:
    several = Result("serving", 0.01, quality={"p99_ms": 12.5, "errors": None})
    for result in (TRAINED, several):
        assert from_json(result.as_json()) == result


def test_a_peer_has_either_a_time_or_a_reason() -> None:
    with pytest.raises(ValueError, match="peer Luigi: give either its seconds or why it is missing"):
        Peer("Luigi")
    with pytest.raises(ValueError, match="peer Luigi"):
        Peer("Luigi", 1.0, missing="both")


def test_the_table_sets_ours_beside_the_bound_and_the_peers() -> None:
    header, ours, bound, torch, xlearn = as_text([TRAINED]).splitlines()
    assert header.split() == ["work", "median", "×", "bound", "×", "ours", "quality", "to", "reach"]
    assert "1.50 s" in ours
    assert "2.50" in ours
    assert "0.9677, peak_mb 230" in ours
    assert ours.endswith("≤ 2 × bound: NOT reached")
    assert bound.split() == ["bound", "600", "ms", "1", "0.40"]
    assert torch.split() == ["PyTorch", "2", "2.40", "s", "4.00", "1.60", "0.9656"]
    assert xlearn.split(maxsplit=2) == ["xLearn", "missing", "ERROR: no distribution"]


def test_the_table_of_a_document_has_a_cell_for_every_column() -> None:
    lines = as_markdown([TRAINED, Result("a | b", 2e-5)]).splitlines()
    assert lines[2].startswith("| **training, 32 models** | 1.50 s | 2.50 |")
    assert lines[-1].startswith("| **a \\| b** | 20.0 µs |")
    assert {line.replace("\\|", "").count("|") for line in lines} == {7}
