"""Rows that go to an endpoint: whole, in order, in requests of the size that it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.batch import RECORDIO, Prepared
from cli.live import LARGEST_BODY, ask
from processing.recordio import encode_dense, read_dense

FEATURES = np.random.default_rng(0).random((4000, 784), dtype=np.float32)


@pytest.mark.parametrize("content_type", [RECORDIO, "text/csv"])
def test_requests_hold_whole_rows_and_are_not_too_large(tmp_path: Path, content_type: str) -> None:
    channel, answers = tmp_path / "batch", tmp_path / "answers"
    answers.mkdir()
    if content_type == RECORDIO:
        channel.write_bytes(encode_dense(FEATURES))
    else:
        channel.write_text("".join(f"{row},{'0.25,' * 1000}1\n" for row in range(3000)))
    bodies: list[bytes] = []

    def invoke(body: bytes) -> bytes:
        bodies.append(body)
        return str(len(bodies)).encode()

    ask(Prepared(channel, content_type, "", 0, tmp_path), answers, invoke)
    assert b"".join(bodies) == channel.read_bytes()
    assert len(bodies) > 1
    assert max(map(len, bodies)) <= LARGEST_BODY
    assert [path.read_text() for path in sorted(answers.iterdir())] == [
        str(number) for number in range(1, len(bodies) + 1)
    ]
    if content_type == RECORDIO:
        rows = np.concatenate([read_dense(body).features for body in bodies])
        assert rows.tobytes() == FEATURES.tobytes()
    else:
        assert all(body.endswith(b"\n") for body in bodies)
