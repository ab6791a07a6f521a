"""A head that was parsed before gives the answer that the parser gave, and no other head does."""

from __future__ import annotations

import pytest

from local.endpoints.answer_heads import Answer, AnswerHeads

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"
HEADERS = {b"content-type": b"text/csv", b"content-length": b"3"}


def test_a_head_seen_again_is_the_same_answer_with_another_body() -> None:
    heads = AnswerHeads()
    assert heads.find(HEAD % 3 + b"1,2") is None
    heads.learn(HEAD % 3 + b"1,2", Answer(200, HEADERS, b"1,2"))
    assert heads.find(HEAD % 3 + b"3,4") == Answer(200, HEADERS, b"3,4")
    for other in (HEAD % 4 + b"3,45", HEAD % 3 + b"3,", HEAD % 3 + b"3,4H", HEAD % 3, b"", b"1,2"):
        assert heads.find(other) is None


@pytest.mark.parametrize(
    "headers",
    [
        {b"transfer-encoding": b"chunked"},
        {b"content-length": b"3", b"upgrade": b"h2c"},
        {b"content-length": b"4"},
        {b"content-length": b"+3"},
        {},
    ],
    ids=["chunked", "upgrade", "another length", "no number", "no length"],
)
def test_what_is_more_than_a_plain_answer_is_not_remembered(headers: dict[bytes, bytes]) -> None:
    heads = AnswerHeads()
    heads.learn(HEAD % 3 + b"1,2", Answer(200, headers, b"1,2"))
    assert heads.find(HEAD % 3 + b"1,2") is None


def test_a_connection_does_not_remember_heads_without_end() -> None:
    heads = AnswerHeads()
    for number in range(600):
        text = b"HTTP/1.1 200 OK\r\nDate: %d\r\nContent-Length: 3\r\n\r\n" % number
        heads.learn(text + b"1,2", Answer(200, HEADERS, b"1,2"))
        assert heads.find(text + b"1,2") is not None
    assert len(heads._known) <= 256
