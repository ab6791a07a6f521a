"""A head that was parsed before gives the request that the parser gave, and no other head does."""

from __future__ import annotations

import pytest

from algorithms.http_messages import Request
from algorithms.request_heads import RequestHeads

HEAD = b"POST /invocations?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n"


def parsed(length: int, **more: str) -> Request:
    headers = {b"host": b"x", b"content-type": b"text/csv", b"content-length": b"%d" % length}
    headers |= {name.replace("_", "-").encode(): value.encode() for name, value in more.items()}
    return Request("POST", "/invocations", headers, bytes(length))


def test_a_head_seen_again_is_the_same_request_with_another_body() -> None:
    heads = RequestHeads()
    assert heads.find(HEAD % 3 + b"1,2") is None
    heads.learn(HEAD % 3 + b"1,2", parsed(3))
    found = heads.find(HEAD % 3 + b"3,4")
    assert found == parsed(3)._replace(body=b"3,4")
    assert heads.find(HEAD % 4 + b"3,45") is None, "another length is another head"


@pytest.mark.parametrize(
    "data",
    [HEAD % 3 + b"3,", HEAD % 3 + b"3,4P", HEAD % 3, (HEAD % 3)[:-1], b"", b"\r\n" + HEAD % 3 + b"3,4"],
    ids=["cut", "with a part of the next", "no body", "no end", "nothing", "after a blank line"],
)
def test_what_is_not_one_whole_request_is_left_to_the_parser(data: bytes) -> None:
    heads = RequestHeads()
    heads.learn(HEAD % 3 + b"1,2", parsed(3))
    assert heads.find(data) is None


@pytest.mark.parametrize(
    ("data", "request_"),
    [
        (HEAD % 3 + b"1,2", parsed(3, transfer_encoding="chunked")),
        (HEAD % 3 + b"1,2", parsed(3, expect="100-continue")),
        (HEAD % 3 + b"1,2", parsed(3, upgrade="h2c")),
        (HEAD % 3 + b"1,2", parsed(2)),
        (b"GET /ping HTTP/1.1\r\n\r\n", Request("GET", "/ping", {}, b"")),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 1024 + b"\r\nContent-Length: 3\r\n\r\n1,2", parsed(3)),
    ],
    ids=["chunked", "expect", "upgrade", "another length", "no length", "long"],
)
def test_what_is_more_than_a_plain_request_is_not_remembered(data: bytes, request_: Request) -> None:
    heads = RequestHeads()
    heads.learn(data, request_)
    assert heads.find(data) is None


def test_a_server_does_not_remember_heads_without_end() -> None:
    heads = RequestHeads()
    for number in range(600):
        text = b"POST / HTTP/1.1\r\nX: %d\r\nContent-Length: 3\r\n\r\n" % number
        heads.learn(text + b"1,2", parsed(3))
        assert heads.find(text + b"1,2") is not None
    assert len(heads._known) <= 256
